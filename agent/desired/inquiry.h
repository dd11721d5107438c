/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which addresses aren't to be claimed because another host has them, or may have: before the first
 * claim the LAN is asked (RFC 5227 2.1), and what was given up to another host is left to it for a
 * while, and then asked for.
 */
#ifndef XDP_L2RESPD_INQUIRY_H
#define XDP_L2RESPD_INQUIRY_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/if_ether.h>
#include <systemd/sd-event.h>

#include "addr.h"
#include "desired.h"
#include "err.h"
#include "links.h"

/* How long an address that another host has is left to it (RFC 5227's RATE_LIMIT_INTERVAL). */
#define INQUIRY_PAUSE_NS 60000000000ULL

/* For how long after it was given up one frame isn't enough for that, */
#define INQUIRY_WARY_NS 600000000000ULL
/* and how soon another must follow (RFC 5227's DEFEND_INTERVAL). */
#define INQUIRY_CONTEST_NS 10000000000ULL

struct inquiry;

/* What the nodes of this group have to do with an address. */
enum group_claim {
	GROUP_NOT_KNOWN, /* yet */
	GROUP_NEVER,	 /* or not within the last duration */
	GROUP_FORMERLY,	 /* one had it, and perhaps still has */
	GROUP_NOW,
};

struct inquiry_callbacks {
	enum group_claim (*group)(const struct address *address, void *userdata);
	/* What inquiry_apply() decides may be otherwise now. */
	void (*changed)(void *userdata);
	void (*log)(int priority, const char *text, void *userdata);
};

int inquiry_new(sd_event *event, const struct links *links,
		const struct inquiry_callbacks *callbacks, void *userdata,
		struct inquiry **ret_inquiry, struct err *err);
void inquiry_free(struct inquiry *inquiry);

/*
 * Gives what of @now may not be claimed yet its reason, and asks for it, as far as a round goes.
 * @before: what was decided last, by addresses. @probe: also what is new. @now is kept until the
 * next call.
 */
void inquiry_apply(struct inquiry *inquiry, const struct desired *before, struct desired *now,
		   bool probe);

/*
 * Another host, with @mac, has @address: it isn't to be claimed for a while. Calls changed().
 * False: it was given up not long ago, and one frame may not silence it again; it is to be
 * defended, and given up if there is another conflict within INQUIRY_CONTEST_NS (RFC 5227 2.4 b).
 */
bool inquiry_yield(struct inquiry *inquiry, const struct address *address,
		   const uint8_t mac[ETH_ALEN]);

/* Is it time for inquiry_apply() again? */
bool inquiry_due(const struct inquiry *inquiry);

/* Questions sent to the LAN. */
uint64_t inquiry_sent(const struct inquiry *inquiry);

#endif
