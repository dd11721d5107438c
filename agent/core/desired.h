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
#include "err.h"
#include "kernel_view.h"
#include "links.h"
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
	bool blocked;	      /* the kernel would answer in our place: not to be claimed */
	bool wanted;	      /* this node can answer for it on one of them, at least */
	bool last_resort;     /* but not on all: one of them has no carrier */
	char *preferred_node; /* NULL: none */
	enum conflict_answer conflict;
	enum locality locality;
	enum asked asked;
	bool usable;		 /* wanted, if nobody else has it */
	bool yielded;		 /* taken: it was ours */
	uint64_t again_ns;	 /* taken: until then, in CLOCK_BOOTTIME */
	uint8_t other[ETH_ALEN]; /* taken: by whom */
};

/* Sorted by address. */
struct desired {
	struct selection selection; /* without its services */
	struct target *list;
	size_t count;
	size_t blocked;
	struct err why_blocked; /* of the first */
	size_t cut_off;		/* not wanted, since no interface of theirs can answer */
	struct err why_cut_off; /* of the first */
	size_t taken;		/* not wanted, since another host has them */
	struct err why_taken;	/* of the first */
};

/* Can the program answer on @row, carrier aside? */
typedef bool desired_ready_fn(const struct link_row *row, void *userdata);

/* Takes @selection over, whatever the result. -ENOMEM with @err. */
int desired_make(struct selection *selection, const struct link_table *links,
		 struct kernel_view *view, desired_ready_fn *ready, void *userdata,
		 struct desired *ret_desired, struct err *err);

void desired_free(struct desired *desired);

/* Why this node can't answer for @target, whoever else has it, with its address; false: it can. The
 * rest is as desired_make() had it. */
bool desired_why_not(const struct target *target, const struct link_table *links,
		     struct kernel_view *view, desired_ready_fn *ready, void *userdata,
		     struct err *ret_why);

/* The target of @address, or NULL. */
const struct target *desired_find(const struct desired *desired, const struct address *address);

#endif
