/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads which programs run at an interface's XDP hook, and which of them are ours. */
#ifndef XDP_L2RESP_ATTACH_STATE_H
#define XDP_L2RESP_ATTACH_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <xdp/libxdp.h>

#include "err.h"
#include "maps.h"

/* slots of libxdp's dispatcher */
#define ATTACH_MAX_PROGS 10

/* Why no pins here belong to a program of ours. */
enum attach_orphan {
	ATTACH_NO_ORPHAN,
	ATTACH_PINS_GONE,
	ATTACH_CAME_MOVED, /* the interface came with it from another network namespace */
};

/* The programs on an interface. */
struct attach_state {
	enum xdp_attach_mode mode; /* XDP_MODE_UNSPEC: no XDP program */
	bool chain;		   /* a dispatcher that libxdp can read is attached */
	bool dispatcher;	   /* a dispatcher is attached, maybe one without its pins */
	bool other_version;	   /* a dispatcher of another libxdp version is attached */
	uint32_t empty_id;	   /* id of a dispatcher without programs, or 0; not counted */
	bool came_moved;	   /* but it calls ours, and came with it as ATTACH_CAME_MOVED */
	unsigned int count;	   /* of programs, at most ATTACH_MAX_PROGS */
	struct {
		uint32_t id;
		unsigned int priority;
		char name[16];
		bool ours; /* our name, and it uses these pins' maps */
		enum attach_orphan orphan;
		char elsewhere[L2RESP_PINS_DIR_SIZE]; /* ours, of these other pins; else empty */
		const char *stale; /* why ours doesn't answer for the pinned entries on this
				      interface; NULL: it does */
	} prog[ATTACH_MAX_PROGS];
};

/*
 * Reads the programs on @ifindex. A program of our name is ours if it uses @maps (NULL: nothing is
 * pinned). Returns 0 or a negative errno with @err.
 */
int attach_query(const struct maps *maps, unsigned int ifindex, struct attach_state *ret_state,
		 struct err *err);

/* Returns our program's index in @state->prog, or -1. @orphans: an orphan counts, too. */
int attach_find(const struct attach_state *state, bool orphans);

/* Counts our programs, orphans, too. There are two after a replacement in a dispatcher was killed.
 */
unsigned int attach_count(const struct attach_state *state);

/* True if our program runs and uses the pinned maps; if there are several, if all of them do. */
bool attach_is_current(const struct attach_state *state);

/* Returns 1 if program @id, ours, reads a map that isn't the pinned one, 0 if not, or a negative
 * errno. */
int attach_reads_others(const struct maps *maps, uint32_t id);

/* "native", "skb" or "none". */
const char *attach_mode_name(enum xdp_attach_mode mode);

#endif
