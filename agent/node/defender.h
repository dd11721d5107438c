/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other hosts that use our addresses, as the data path tells of them (RFC 5227 2.4). */
#ifndef XDP_L2RESPD_DEFENDER_H
#define XDP_L2RESPD_DEFENDER_H

#include <stdint.h>
#include <linux/if_ether.h>
#include <systemd/sd-event.h>

#include "addr.h"
#include "err.h"
#include "links.h"
#include "program.h"

/* An address is defended at most that often (RFC 5227 2.4 b). */
#define DEFENDER_INTERVAL_NS 10000000000ULL

struct defender;

/* A turn reads at most so many reports, and not more turns than this a second: a flood mustn't take
 * all of the agent's time. What finds the ring full is dropped by the data path. */
#define DEFENDER_TURN	   256
#define DEFENDER_TURN_USEC 20000

/* Somebody with @mac uses @address on @ifindex. Returns whether it was defended: then not again for
 * the interval. */
typedef bool defender_fn(const struct address *address, uint32_t ifindex,
			 const uint8_t mac[ETH_ALEN], void *userdata);

/*
 * Calls @seen for what the data path reports (at most once a second for each address and
 * interface), from defender_follow() on, unless the address was defended less than the interval
 * ago.
 */
int defender_new(sd_event *event, const struct links *links, defender_fn *seen, void *userdata,
		 struct defender **ret_defender, struct err *err);

/* Reads the reports of the maps that are pinned now, which @program must have locked. */
int defender_follow(struct defender *defender, const struct program *program, struct err *err);

void defender_free(struct defender *defender);

/* Reports of conflicts. */
uint64_t defender_count(const struct defender *defender);

#endif
