/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds interfaces that left the network namespace with our program: they keep it, and it goes on
 * answering for the pinned addresses. */
#ifndef XDP_L2RESP_ATTACH_MOVED_H
#define XDP_L2RESP_ATTACH_MOVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.h"
#include "maps.h"

struct attach_moved {
	bool found;
	/* not found, but a program is that reads maps which aren't pinned any more; prog_id is its
	 */
	bool stale;
	struct link link; /* as it is now; without a name: unknown */
	/* of its network namespace, as the caller's numbers them; -1: the caller's own, in which
	 * the interface has another index now */
	int nsid;
	uint32_t prog_id;
	bool unknown; /* not found, but programs can't be looked up: prog.h says why */
};

/* Finds out whether interface @ifindex, which doesn't exist here, has moved with our program. */
struct attach_moved attach_find_moved(const struct maps *maps, uint32_t ifindex);

/* True unless the interface isn't there, or is known to be down. */
bool attach_moved_answers(const struct attach_moved *moved);

#define ATTACH_MOVED_TEXT_SIZE 160

/* Writes a clause that begins with a verb: "was moved to ...". */
void attach_moved_text(const struct attach_moved *moved, char text[ATTACH_MOVED_TEXT_SIZE]);

#endif
