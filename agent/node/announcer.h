/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the LAN where addresses are: each one several times, a while apart. */
#ifndef XDP_L2RESPD_ANNOUNCER_H
#define XDP_L2RESPD_ANNOUNCER_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "addr.h"
#include "err.h"
#include "links.h"

struct announcer;

struct announcer_callbacks {
	/* Would a request for @address on @ifindex be answered now, and with which MAC? Asked right
	 * before each frame. */
	bool (*holds)(const struct address *address, uint32_t ifindex, uint8_t ret_mac[ETH_ALEN],
		      void *userdata);
	void (*log)(int priority, const char *text, void *userdata);
};

int announcer_new(sd_event *event, const struct links *links,
		  const struct announcer_callbacks *callbacks, void *userdata,
		  struct announcer **ret_announcer, struct err *err);
void announcer_free(struct announcer *announcer);

/* From the next announcement on: @count times, @interval_ns apart. */
void announcer_configure(struct announcer *announcer, uint32_t count, uint64_t interval_ns);

/* Announces @address on @ifindex, from the event loop's next turn on; @count times, or as often as
 * configured where that is 0. It ends early when holds() says no. -ENOMEM. */
int announcer_add(struct announcer *announcer, const struct address *address, uint32_t ifindex,
		  uint32_t count);

/* Announcements sent, each in both forms. */
uint64_t announcer_sent(const struct announcer *announcer);

#endif
