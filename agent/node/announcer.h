/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Announces addresses on the LAN. Each interface has a queue, with urgent jobs first, and a rate
 * limit, since switches shut down ports that send too much ARP.
 */
#ifndef XDP_L2RESPD_ANNOUNCER_H
#define XDP_L2RESPD_ANNOUNCER_H

#include <stdint.h>
#include <systemd/sd-event.h>

#include "addr.h"
#include "err.h"
#include "links.h"
#include "program.h"

struct announcer;

/* In descending urgency. */
enum announcer_why {
	ANNOUNCER_TAKEOVER, /* this node got the address: sent as often as configured */
	ANNOUNCER_DEFENCE,  /* another host uses it: sent once */
	ANNOUNCER_REPEAT,   /* only used by the announcer itself */
	ANNOUNCER_REFRESH,  /* periodic, or the interface has moved: sent once */
	ANNOUNCER_WHYS,
};

int announcer_new(sd_event *event, const struct links *links, struct program *program,
		  struct announcer **ret_announcer, struct err *err);
void announcer_free(struct announcer *announcer);

/* Sets how a takeover is announced: @count times, @interval_ns apart; @rate: maximum number of
 * frames per second and interface. An older Linux host ignores an announcement that comes within
 * its locktime (1 s by default) after the last change of its entry; a repeat after that isn't. */
void announcer_configure(struct announcer *announcer, uint32_t count, uint64_t interval_ns,
			 uint32_t rate);

/*
 * Queues an announcement of @address on @ifindex. Right before each frame it looks up whether the
 * data path still answers for the address, and with which MAC, and waits while @ifindex has no
 * carrier. If a job for the address is queued already, the more urgent of the two is kept.
 */
void announcer_add(struct announcer *announcer, const struct address *address, uint32_t ifindex,
		   enum announcer_why why);

/* Number of announcements sent. An ARP announcement is a request and a reply and counts once. */
uint64_t announcer_sent(const struct announcer *announcer);

#endif
