/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this node should do, address by address: the policies' selection, seen together with the
 * state of its interfaces and of its kernel. */
#ifndef XDP_L2RESPD_DESIRED_H
#define XDP_L2RESPD_DESIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/if_ether.h>

#include "addr.h"
#include "address_list.h"
#include "err.h"
#include "kernel_view.h"
#include "links.h"
#include "no_room.h"
#include "policy.h"

/* Whether another host has an address (inquiry.h). */
enum asked {
	ASKED_NOT, /* it isn't known whether that is needed */
	ASKED_DUE,
	ASKED_NOW,   /* answers may come */
	ASKED_TAKEN, /* another host has it */
	ASKED_FREE,  /* nobody has it, or that needn't be asked */
};

struct target {
	struct address address;
	const struct selected *on; /* the interfaces, in the selection */
	size_t count;
	enum reason reason; /* why it isn't to be claimed; none: it is, if only on one of them */
	enum reason last_resort; /* why it is to be claimed only if nobody else does: not on all */
	struct announce_terms terms;
	struct lease_service service; /* one that has it */
	enum locality locality;
	enum asked asked;
	bool usable;		 /* to be claimed, if nobody else has it */
	bool yielded;		 /* taken: it was ours */
	uint64_t again_ns;	 /* taken: until then, in CLOCK_BOOTTIME */
	uint64_t yielded_ns;	 /* when it was last given up; 0: never */
	uint64_t contested_ns;	 /* when it wasn't given up once more; 0: never */
	uint8_t other[ETH_ALEN]; /* taken: by whom */
};

/* Sorted by address. */
struct desired {
	struct selection selection; /* without its services */
	struct target *list;
	size_t count;
};

/* Why the program can't answer on @row, carrier aside, with the driver's text, if there is one, in
 * *ret_detail, unless that is NULL. */
typedef enum reason desired_ready_fn(const struct link_row *row, void *userdata,
				     struct err *ret_detail);

/* What addresses are judged by. Borrowed. */
struct desired_view {
	const char *node; /* this one */
	const struct link_table *links;
	struct kernel_view *kernel;
	struct address_list others; /* that other nodes have by their objects, ascending */
	const struct no_room *no_room;
	desired_ready_fn *ready;
	void *userdata;
};

/* Takes @selection over. */
struct desired desired_make(struct selection *selection, const struct desired_view *view);

void desired_free(struct desired *desired);

/* @target's reason, with the devices. */
void desired_why(const struct target *target, const struct desired_view *view, struct why *ret_why);

/* Why @address isn't to be claimed, selected or not. */
enum reason desired_reason(const struct desired *desired, const struct address *address);

/* The first address that isn't to be claimed for @reason. False: there is none. */
bool desired_first(const struct desired *desired, enum reason reason, struct address *ret_address);

/* How many addresses there are of each reason, and, for REASON_NONE, to be claimed. */
void desired_count(const struct desired *desired, size_t ret_counts[REASON_COUNT]);

/* The target of @address, or NULL. */
const struct target *desired_find(const struct desired *desired, const struct address *address);

#endif
