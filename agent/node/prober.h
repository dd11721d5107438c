/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks the LAN whether other hosts have addresses, many of them in one round (RFC 5227 2.1.1, RFC
 * 4862 5.4.2), in less time than the RFCs take, since nobody answers meanwhile.
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
/* How long answers to the last one are waited for. */
#define PROBER_WAIT_NS 300000000ULL
/* Questions a round: addresses times interfaces. */
#define PROBER_ROUND 1024

struct prober;

struct prober_callbacks {
	/* Another host, with @mac, says that it has @address, which was asked for. */
	void (*taken)(const struct address *address, const uint8_t mac[ETH_ALEN], void *userdata);
	/* The round is over. Nobody else has what taken() wasn't called for. */
	void (*done)(void *userdata);
	void (*log)(int priority, const char *text, void *userdata);
};

int prober_new(sd_event *event, const struct links *links, const struct prober_callbacks *callbacks,
	       void *userdata, struct prober **ret_prober, struct err *err);
void prober_free(struct prober *prober);

/* Is a round on its way? */
bool prober_busy(const struct prober *prober);

/* Asks for @address on @ifindex in the next round, which mustn't have begun and must have room. */
void prober_add(struct prober *prober, const struct address *address, uint32_t ifindex);

/* Begins the round, if there is something to ask. */
void prober_begin(struct prober *prober);

/* Questions sent. */
uint64_t prober_sent(const struct prober *prober);

#endif
