/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaches the program to an interface through libxdp: in a dispatcher, beside other programs, if
 * the kernel supports it, else alone. Never replaces a program that isn't ours.
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
/* Keep the attached program's priority; the default if none is attached. */
#define ATTACH_KEEP_PRIORITY UINT32_MAX

enum attach_mode {
	ATTACH_MODE_AUTO, /* native, or skb if the driver refuses native */
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
	unsigned int old_priority;	      /* of the replaced program */
	char skb_reason[REFUSAL_REASON_SIZE]; /* why auto mode chose skb; else empty */
};

/* Returns why native XDP shouldn't run on a device of @link's kind; NULL if it may. */
const char *attach_no_native_reason(const struct link *link);

/* Returns the error with which attach_link() would refuse @link for its kind or its attached
 * programs, or 0. Changes nothing. */
int attach_check(const struct maps *maps, const struct link *link,
		 const struct attach_options *options, struct err *err);

/*
 * Attaches the program to @link, with counter slot @counters_slot. Replaces attached programs of
 * ours without a gap in which requests go unanswered. @maps must be locked. -EBUSY: another program
 * is attached without a dispatcher; -EOPNOTSUPP: native mode was requested but isn't supported;
 * other errors with @err. On failure the former programs stay attached.
 */
int attach_link(const struct maps *maps, const struct link *link, uint32_t counters_slot,
		const struct attach_options *options, struct attach_outcome *ret_outcome,
		struct err *err);

/* Detaches our programs from @link, orphans, too, or a dispatcher without programs. -ENOENT with
 * @err: none is attached. @maps may be NULL: nothing is pinned. */
int attach_remove(const struct maps *maps, const struct link *link, struct err *err);

/* Installs the log handlers of libbpf and libxdp. @verbose: print their messages on stderr. */
void attach_log_setup(bool verbose);

#endif
