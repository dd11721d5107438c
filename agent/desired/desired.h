/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses this node should claim, from the policies' selection and the state of its
 * interfaces and kernel. */
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

/* Is the address in use by another host (inquiry.h)? */
enum inquiry_state {
	INQUIRY_UNDECIDED, /* it isn't known yet whether a probe is needed */
	INQUIRY_DUE,
	INQUIRY_RUNNING, /* probes are being sent, replies may arrive */
	INQUIRY_TAKEN,	 /* another host uses it */
	INQUIRY_FREE,	 /* no other host uses it, or no probe is needed */
};

struct target {
	struct address address;
	const struct selected *on; /* the interfaces, in the selection */
	size_t count;
	enum reason
		reason; /* not to be claimed; REASON_NONE: claimed, maybe not on all interfaces */
	enum reason
		last_resort; /* why it can't be on all interfaces: claimed if nobody else does */
	struct announce_terms terms;
	struct service *service; /* one that has it; referenced */
	enum locality locality;
	enum inquiry_state probe_state;
	bool usable;		     /* to be claimed unless another host uses it */
	bool yielded;		     /* INQUIRY_TAKEN: this node had it and gave it up */
	uint64_t retry_ns;	     /* INQUIRY_TAKEN, _DUE: not probed before, CLOCK_BOOTTIME */
	uint64_t yielded_ns;	     /* when it was last given up; 0: never */
	uint64_t contested_ns;	     /* last conflict after that, defended against; 0: none */
	uint8_t other_mac[ETH_ALEN]; /* INQUIRY_TAKEN: of the other host */
};

/* Sorted by address. */
struct desired {
	struct selection selection; /* without its services */
	struct target *list;
	size_t count;
};

/* Why the program can't answer on @row, regardless of its carrier. *@ret_detail, unless it is NULL,
 * gets the driver's error text, if there is one. */
typedef enum reason desired_ready_fn(const struct links_row *row, void *userdata,
				     struct err *ret_detail);

/* The state of this node that desired_make() needs. Borrowed. */
struct desired_view {
	const char *node; /* this node's name */
	const struct links_table *links;
	struct kernel_view *kernel;
	struct address_list others; /* of the other nodes' Node objects, ascending */
	const struct no_room *no_room;
	desired_ready_fn *ready;
	void *userdata;
};

/* Takes ownership of @selection. */
struct desired desired_make(struct selection *selection, const struct desired_view *view);

void desired_free(struct desired *desired);

/* @target's reason, with the interfaces it applies to. */
void desired_why(const struct target *target, const struct desired_view *view, struct why *ret_why);

/* Why @address isn't to be claimed, selected or not. */
enum reason desired_reason(const struct desired *desired, const struct address *address);

/* The first address that isn't to be claimed because of @reason. False: there is none. */
bool desired_first(const struct desired *desired, enum reason reason, struct address *ret_address);

/* Number of addresses by reason; those with REASON_NONE are to be claimed. */
void desired_count(const struct desired *desired, size_t ret_counts[REASON_COUNT]);

/* The target of @address, or NULL. */
const struct target *desired_find(const struct desired *desired, const struct address *address);

#endif
