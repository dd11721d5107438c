/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network namespace's interfaces, followed with rtnetlink. */
#ifndef XDP_L2RESPD_LINKS_H
#define XDP_L2RESPD_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "err.h"
#include "link.h"

struct links_row {
	struct link link;
	bool suitable;	 /* policies may select it: it uses ARP, and has no master but a VRF */
	bool carrier;	 /* it is up and has carrier */
	bool group_left; /* maybe, since the last links_take_left() */
	uint64_t attached_at_ns; /* CLOCK_BOOTTIME of our own attach; 0: none */
	uint64_t dump;		 /* number of the dump when it was last seen */
};

/* Sorted by ifindex. */
struct links_table {
	struct links_row *rows;
	size_t count;
};

const struct links_row *links_find(const struct links_table *table, uint32_t ifindex);

/* Is @mac that of an interface of this host? */
bool links_has_mac(const struct links_table *table, const uint8_t mac[ETH_ALEN]);

struct links;

/* Called after relevant changes: an interface was added or removed, changed its name, MAC or
 * master, gained or lost carrier, or an address was added or removed. */
typedef void links_changed_fn(void *userdata);

/* Frames of @ifindex take another way now, which switches learn from what it sends: a bond has
 * another active port, or a virtual machine was migrated. */
typedef void links_moved_fn(uint32_t ifindex, void *userdata);

/* Reads all interfaces, and follows changes unless @event is NULL. Needs no privilege. */
int links_new(sd_event *event, links_changed_fn *changed, links_moved_fn *moved, void *userdata,
	      struct links **ret_links, struct err *err);

void links_free(struct links *links);

const struct links_table *links_table(const struct links *links);

/* Calls @left for each interface that may have left a group since the last call, since an address
 * that joins one (filter.h) was deleted, by us or by another program; with 0 if any may have. */
typedef void links_left_fn(uint32_t ifindex, void *userdata);
void links_take_left(struct links *links, links_left_fn *left, void *userdata);

/*
 * Our program is about to be attached to @ifindex, for which many drivers reset the link. A carrier
 * that is lost and returns within LINKS_FLAP_NS from now doesn't count as lost.
 */
#define LINKS_FLAP_NS 5000000000ULL
void links_attaching(struct links *links, uint32_t ifindex);

#endif
