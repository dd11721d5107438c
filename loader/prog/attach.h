/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program on an interface, through libxdp: in a dispatcher beside others where the kernel can,
 * alone where not. Nothing here ever displaces a program that isn't ours.
 */
#ifndef XDP_L2RESP_ATTACH_H
#define XDP_L2RESP_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "link.h"
#include "maps.h"
#include "refusal.h"

#define ATTACH_DEFAULT_PRIORITY 20
/* The priority that the program has there already, else the default. */
#define ATTACH_KEEP_PRIORITY UINT32_MAX

enum attach_mode {
	ATTACH_MODE_AUTO, /* native, and skb where the driver refuses that */
	ATTACH_MODE_NATIVE,
	ATTACH_MODE_SKB,
};

struct attach_options {
	enum attach_mode mode;
	uint32_t priority; /* lower runs first; 50 is libxdp's default for others */
	bool dry_run;	   /* load and verify, attach nothing */
};

enum attach_result {
	ATTACH_NEW,
	ATTACH_REPLACED, /* an older program of ours was swapped for this one */
	ATTACH_DRY_RUN,
};

struct attach_outcome {
	enum attach_result result;
	unsigned int old_priority;	      /* where replaced */
	char skb_reason[REFUSAL_REASON_SIZE]; /* why auto mode chose skb; empty: it didn't */
};

/* Why native XDP on a device of @link's kind is not what the user wants; NULL where it is. */
const char *attach_no_native_reason(const struct link *link);

/* Whether attach_link() would refuse @link for what it is, or for what is on it already: its
 * errors, nothing changed. */
int attach_check(const struct maps *maps, const struct link *link,
		 const struct attach_options *options, struct err *err);

/*
 * Puts the program on @link, its counts in slot @counters_slot. Over one of ours, or several, it
 * swaps, so that no request goes unanswered in between. @maps must be locked. -EBUSY: a foreign
 * program stands alone there; -EOPNOTSUPP: native mode asked for and not to be had; other errors
 * with @err. On failure what was attached before still is.
 */
int attach_link(const struct maps *maps, const struct link *link, uint32_t counters_slot,
		const struct attach_options *options, struct attach_outcome *ret_outcome,
		struct err *err);

/* Takes ours off @link, orphans too, and a dispatcher in which nothing is left. -ENOENT with @err
 * where there is none. @maps may be NULL: nothing is pinned. */
int attach_remove(const struct maps *maps, const struct link *link, struct err *err);

/* Installs the log handlers of libbpf and libxdp: silent, or all that they say on stderr. */
void attach_log_setup(bool verbose);

#endif
