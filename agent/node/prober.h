/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes the LAN for other hosts that use addresses, many addresses in one round (RFC 5227 2.1.1,
 * RFC 4862 5.4.2). Shorter than the RFCs' times, since nobody answers for the addresses meanwhile.
 * A round takes longer if the rate doesn't permit all of its probes in PROBER_INTERVAL_NS.
 */
#ifndef XDP_L2RESPD_PROBER_H
#define XDP_L2RESPD_PROBER_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/if_ether.h>
#include <systemd/sd-event.h>

#include "addr.h"
#include "err.h"
#include "links.h"

#define PROBER_COUNT	   3
#define PROBER_INTERVAL_NS 200000000ULL
/* Time to wait for replies to the last probe. */
#define PROBER_WAIT_NS 300000000ULL
/* Maximum number of addresses times interfaces in a round. */
#define PROBER_ROUND 1024

struct prober;

struct prober_callbacks {
	/* Another host, with @mac, has replied that it uses @address. */
	void (*taken)(const struct address *address, const uint8_t mac[ETH_ALEN], void *userdata);
	/* Not all probes for @address could be sent, so it isn't known whether another host uses
	 * it. Called at the end of the round, for each interface. */
	void (*unasked)(const struct address *address, void *userdata);
	/* The round is over. No other host that answers within PROBER_WAIT_NS uses the addresses
	 * for which neither taken() nor unasked() was called. */
	void (*done)(void *userdata);
	void (*log)(int priority, const char *text, void *userdata);
};

int prober_new(sd_event *event, const struct links *links, const struct prober_callbacks *callbacks,
	       void *userdata, struct prober **ret_prober, struct err *err);
void prober_free(struct prober *prober);

/* Sets the maximum number of probes a second, of all interfaces together. */
void prober_configure(struct prober *prober, uint32_t rate);

/* Is a round running? */
bool prober_busy(const struct prober *prober);

/* Adds @address on @ifindex, if it has carrier, to the next round, which must not have begun and
 * must have room. */
void prober_add(struct prober *prober, const struct address *address, uint32_t ifindex);

/* Begins the round, unless it is empty. */
void prober_begin(struct prober *prober);

/* Number of probes sent. */
uint64_t prober_sent(const struct prober *prober);

#endif
