/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells the LAN where addresses are. One queue an interface, the urgent first, no faster than a
 * rate: switches shut ports that send too much ARP.
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

/* The first goes first. */
enum announce_why {
	ANNOUNCE_TAKEOVER, /* the address came here: as often as configured */
	ANNOUNCE_DEFENCE,  /* another host uses it: once */
	ANNOUNCE_REPEAT,   /* for the announcer's own use */
	ANNOUNCE_REFRESH,  /* once */
	ANNOUNCE_WHYS,
};

int announcer_new(sd_event *event, const struct links *links, struct program *program,
		  struct announcer **ret_announcer, struct err *err);
void announcer_free(struct announcer *announcer);

/* From now on: @count times, @interval_ns apart; @rate: frames a second, an interface. */
void announcer_configure(struct announcer *announcer, uint32_t count, uint64_t interval_ns,
			 uint32_t rate);

/*
 * Announces @address on @ifindex as soon as it is its turn, provided that the data path then
 * answers for it, which is looked up right before each frame, and with the MAC that it answers
 * with. An address that waits already isn't announced twice; it goes by the more urgent of the two.
 */
void announcer_add(struct announcer *announcer, const struct address *address, uint32_t ifindex,
		   enum announce_why why);

/* Announcements sent, each in both forms. */
uint64_t announcer_sent(const struct announcer *announcer);

#endif
