/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runs at an interface's XDP hook, asked of the kernel and libxdp, and which of it is ours. */
#ifndef XDP_L2RESP_ATTACH_STATE_H
#define XDP_L2RESP_ATTACH_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <xdp/libxdp.h>

#include "err.h"
#include "maps.h"

/* libxdp's dispatcher has that many slots */
#define ATTACH_MAX_PROGS 10

/* What is on an interface. */
struct attach_state {
	enum xdp_attach_mode mode; /* XDP_MODE_UNSPEC: no XDP program at all */
	bool chain;		   /* a libxdp dispatcher is attached */
	bool dispatcher;	   /* one is, even if libxdp can't read it: its pins are gone */
	bool other_version;	   /* or another version made it */
	uint32_t empty_id;	   /* such a one in which no program is left, or 0; not counted */
	unsigned int count;	   /* programs, at most ATTACH_MAX_PROGS */
	struct {
		uint32_t id;
		unsigned int priority;
		char name[16];
		bool ours;			      /* our name, and it uses these pins' maps */
		bool orphan;			      /* ours, but its pins are gone */
		char elsewhere[L2RESP_PINS_DIR_SIZE]; /* ours, of these other pins; else empty */
		const char *stale; /* ours, but it doesn't answer here for what is pinned, and why;
				      NULL: it does */
	} prog[ATTACH_MAX_PROGS];
};

/*
 * Asks libxdp what is on @ifindex. @maps tell ours from a namesake; NULL where nothing is pinned.
 * Returns 0 or a negative errno with @err.
 */
int attach_query(const struct maps *maps, unsigned int ifindex, struct attach_state *ret_state,
		 struct err *err);

/* Index of our program in @state->prog, or -1; an orphan counts if @orphans. */
int attach_find(const struct attach_state *state, bool orphans);

/* How many programs there are ours, orphans too. A replacement in a dispatcher that was killed
 * halfway leaves two. */
unsigned int attach_count(const struct attach_state *state);

/* Does our program run, over the pinned maps? Not where one of several doesn't. */
bool attach_is_current(const struct attach_state *state);

/* "native", "skb" or "none". */
const char *attach_mode_name(enum xdp_attach_mode mode);

#endif
