/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaches to interfaces, adds addresses to them and deletes them, together with what an interface
 * needs while it has addresses: its record, VLAN rows and filters. Used by attach, add, import, del
 * and flush, and by the agent's helper.
 */
#ifndef XDP_L2RESP_SERVE_H
#define XDP_L2RESP_SERVE_H

#include "attach.h"
#include "entry.h"
#include "filter.h"
#include "link.h"

/* As lift_attach(), after the MACs, filters and VLAN rows of @link's addresses were brought up to
 * date. @link is recorded, with @counters_slot; on a dry run it need not be. */
int serve_attach(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		 const struct attach_options *options, filter_note_fn *note,
		 struct attach_outcome *ret_outcome, struct err *err);

/*
 * Adds @wanted, on interfaces @links (@link_count, at most L2RESP_MAX_DEVICES), and records the
 * interfaces: all or nothing. Errors as entry_add() and vlan_add(); -ENOSPC also if no further
 * interface can be recorded. The first ret_added->added of @wanted are those that were added.
 * Filters are then set, best effort: failures go to @note (filter.h).
 */
int serve_add(struct pins *pins, const struct link *links, int link_count,
	      struct entry_wanted *wanted, size_t count, responder_progress_fn *progress,
	      filter_note_fn *note, struct entry_added *ret_added, struct err *err);

struct serve_deleted {
	size_t deleted;
	size_t leased; /* the agent's, kept because their lease is valid */
};

/*
 * Deletes addresses as entry_delete() does, then removes the VLAN rows and filters they no longer
 * need; filter failures go to @note. If the VLAN rows can't be read or written, returns the error
 * with the entries deleted; rows and filters that are left do no harm, and the next call removes
 * them.
 */
int serve_delete(const struct pins *pins, const struct addr_range *range, uint32_t ifindex,
		 filter_note_fn *note, struct serve_deleted *ret_deleted, struct err *err);

#endif
