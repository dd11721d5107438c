/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses put on interfaces and taken off them: what add, import, del and flush do, and the one
 * place for whatever an interface needs while it has addresses.
 */
#ifndef XDP_L2RESP_SERVE_H
#define XDP_L2RESP_SERVE_H

#include "entry.h"
#include "filter.h"
#include "link.h"

/*
 * Adds @wanted, whose interfaces are the @link_count of @links (at most L2RESP_MAX_DEVICES): all or
 * nothing, records of the interfaces too. As entry_add(); -ENOSPC too where there is no room for
 * another interface, and vlan_add()'s errors. The first ret_added->added of @wanted are those that
 * were added. Frames for them are let in (filter.h); @note is told what wasn't.
 */
int serve_add(struct pins *pins, const struct link *links, int link_count,
	      struct entry_wanted *wanted, size_t count, responder_progress_fn *progress,
	      filter_note_fn *note, struct entry_added *ret_added, struct err *err);

struct serve_deleted {
	size_t deleted;
	size_t leased; /* the agent's, left since it holds their lease */
};

/* Deletes addresses of @range (NULL: all) on @ifindex (0: on all interfaces), entry_delete()'s, and
 * what was set for them there (filter.h). */
int serve_delete(const struct pins *pins, const struct addr_range *range, uint32_t ifindex,
		 filter_note_fn *note, struct serve_deleted *ret_deleted, struct err *err);

#endif
