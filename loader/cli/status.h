/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and prints interfaces' states: for `status`, attach and detach. */
#ifndef XDP_L2RESP_STATUS_H
#define XDP_L2RESP_STATUS_H

#include <stddef.h>
#include <jansson.h>

#include "attach_moved.h"
#include "attach_state.h"
#include "err.h"
#include "link.h"
#include "pins.h"
#include "vlan.h"

struct status_row {
	struct link link; /* only name and ifindex if gone */
	bool gone;
	struct attach_moved moved; /* where it is, if it is gone from here */
	struct attach_state state;
	int ours; /* index in state.prog, -1: not attached */
	size_t entries;
	struct vlan_path path;		  /* of a VLAN device */
	bool answered_on_parent;	  /* the program is on path.hook */
	struct attach_moved parent_moved; /* where the parent is, if it is gone with the program */
	char alone_reason[128];		  /* empty in a dispatcher, or if not attached */
};

/* Reads the state of @link. @pins may be NULL: nothing is pinned. @entries: number of addresses on
 * @link. Returns 0 or a negative errno with @err. */
int status_read(const struct pins *pins, const struct link *link, size_t entries,
		struct status_row *ret_row, struct err *err);

/* Counts the addresses on @ifindex. */
int status_count_entries(const struct pins *pins, uint32_t ifindex, size_t *ret_count,
			 struct err *err);

/* Reads the state of all interfaces with the program or addresses, also of those that are gone. The
 * caller frees *ret_rows. */
int status_read_all(const struct pins *pins, struct status_row **ret_rows, size_t *ret_count,
		    struct err *err);

/* Reads the state of the named interfaces, without repetitions. One that is gone counts as there if
 * it has moved with the program. */
int status_read_named(const struct pins *pins, int count, char **names,
		      struct status_row **ret_rows, size_t *ret_count, struct err *err);

/* Returns a new reference. */
json_t *status_json(const struct status_row *row);

/* Prints one line, "eth1: native mode, ...", with @verb after the colon if it isn't empty. */
void status_print(const struct status_row *row, const char *verb);

/* Prints @rows as a JSON array, or a line each. */
void status_print_all(const struct status_row *rows, size_t count, bool json, const char *verb);

/* Prints a table and, below it, why programs aren't in a dispatcher, each reason once. */
void status_print_table(const struct status_row *rows, size_t count);

#endif
