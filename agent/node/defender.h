/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handles the data path's reports of other hosts that use our addresses (RFC 5227 2.4). */
#ifndef XDP_L2RESPD_DEFENDER_H
#define XDP_L2RESPD_DEFENDER_H

#include <stdint.h>
#include <linux/if_ether.h>
#include <systemd/sd-event.h>

#include "addr.h"
#include "err.h"
#include "links.h"
#include "program.h"

/* Minimum interval between two defences of an address (RFC 5227 2.4 b). */
#define DEFENDER_INTERVAL_NS 10000000000ULL

struct defender;

/* Bounds on the reports per turn and the turns per second, so that a flood doesn't take all of the
 * agent's time. If the ring is full, the data path drops reports. */
#define DEFENDER_TURN	   256
#define DEFENDER_TURN_USEC 20000

/* Another host with @mac uses @address on @ifindex. Returns whether it was defended: then it isn't
 * called again for the address within the interval. */
typedef bool defender_fn(const struct address *address, uint32_t ifindex,
			 const uint8_t mac[ETH_ALEN], void *userdata);

/*
 * From defender_follow() on, calls @seen for the data path's reports (at most one a second for each
 * address and interface), unless the address was defended less than the interval ago.
 */
int defender_new(sd_event *event, const struct links *links, defender_fn *seen, void *userdata,
		 struct defender **ret_defender, struct err *err);

/* Follows the reports of the currently pinned maps, which @program must have locked. */
int defender_follow(struct defender *defender, const struct program *program, struct err *err);

void defender_free(struct defender *defender);

/* Number of reports. */
uint64_t defender_count(const struct defender *defender);

#endif
