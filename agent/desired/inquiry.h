/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps this node from claiming addresses that another host uses: probes the LAN before the first
 * claim (RFC 5227 2.1). After a conflict it waits INQUIRY_PAUSE_NS and probes before it claims the
 * address again.
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

/* How long an address that another host uses isn't probed again (RFC 5227's RATE_LIMIT_INTERVAL).
 */
#define INQUIRY_PAUSE_NS 60000000000ULL

/* An address that was given up less than this ago is given up again only after two conflicts */
#define INQUIRY_WARY_NS 600000000000ULL
/* within this time (RFC 5227's DEFEND_INTERVAL). */
#define INQUIRY_CONTEST_NS 10000000000ULL

struct inquiry;

/* Does a node of this group hold an address? */
enum group_claim {
	GROUP_NOT_KNOWN, /* not known yet */
	GROUP_NEVER,	 /* no node has held it within the last lease duration */
	GROUP_FORMERLY,	 /* a node held it, and perhaps still answers */
	GROUP_NOW,	 /* a node holds it */
};

struct inquiry_callbacks {
	void (*group_claims)(const struct address *addresses, size_t count,
			     enum group_claim *ret_claims, void *userdata);
	/* Call inquiry_apply() again: its result may have changed. */
	void (*changed)(void *userdata);
	void (*log)(int priority, const char *text, void *userdata);
};

int inquiry_new(sd_event *event, const struct links *links,
		const struct inquiry_callbacks *callbacks, void *userdata,
		struct inquiry **ret_inquiry, struct err *err);
void inquiry_free(struct inquiry *inquiry);

/* Sets the maximum number of probes a second. */
void inquiry_configure(struct inquiry *inquiry, uint32_t rate);

/*
 * Sets the reason of targets in @now that may not be claimed yet, and starts a round of probes for
 * them. @before: the previous result. @probe: probe new addresses too. Keeps @now until the next
 * call.
 */
void inquiry_apply(struct inquiry *inquiry, const struct desired *before, struct desired *now,
		   bool probe);

/*
 * Another host, with @mac, uses @address: gives it up for INQUIRY_PAUSE_NS, unless that is so
 * already, and calls changed(). What was given up is remembered for INQUIRY_WARY_NS.
 * False: it was given up less than INQUIRY_WARY_NS ago, so that one frame may not silence it again.
 * The caller defends it; another conflict within INQUIRY_CONTEST_NS gives it up (RFC 5227 2.4 b).
 */
bool inquiry_yield(struct inquiry *inquiry, const struct address *address,
		   const uint8_t mac[ETH_ALEN]);

/* Is it time for inquiry_apply() again? */
bool inquiry_due(const struct inquiry *inquiry);

/* Number of probes sent, and of conflicts after which inquiry_yield() gave an address up. */
uint64_t inquiry_probes_sent(const struct inquiry *inquiry);
uint64_t inquiry_yields(const struct inquiry *inquiry);

#endif
