/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an interface's state looks like to the user: rows of `status`, and of what attach and detach
 * print. */
#ifndef XDP_L2RESP_STATUS_H
#define XDP_L2RESP_STATUS_H

#include <stddef.h>
#include <jansson.h>

#include "attach_state.h"
#include "err.h"
#include "link.h"
#include "pins.h"
#include "vlan.h"

struct status_row {
	struct link link; /* only name and ifindex of one that is gone */
	bool gone;
	struct attach_state state;
	int ours; /* index in state.prog, -1: not attached */
	size_t entries;
	struct vlan_path path;	 /* a VLAN device's */
	bool answered_on_parent; /* the program is on path.parent */
	char alone_reason[128];	 /* empty in a chain, or where not attached */
};

/* @pins may be NULL: nothing is pinned. @entries: addresses on @link. Returns 0 or a negative errno
 * with @err. */
int status_read(const struct pins *pins, const struct link *link, size_t entries,
		struct status_row *ret_row, struct err *err);

/* Addresses on @ifindex, from the map. */
int status_count_entries(const struct pins *pins, uint32_t ifindex, size_t *ret_count,
			 struct err *err);

/* Rows of all interfaces on which the program runs or that have addresses, those that are gone too.
 * *ret_rows is to be freed. */
int status_read_all(const struct pins *pins, struct status_row **ret_rows, size_t *ret_count,
		    struct err *err);

/* A row for each interface, once where it has several of the names. */
int status_read_named(const struct pins *pins, int count, char **names,
		      struct status_row **ret_rows, size_t *ret_count, struct err *err);

/* A new reference. */
json_t *status_json(const struct status_row *row);

/* One line, "eth1: native mode, ...", with @verb after the colon if that isn't empty. */
void status_print(const struct status_row *row, const char *verb);

/* A table of all, and below it why programs are alone, each reason once. */
void status_print_table(const struct status_row *rows, size_t count);

#endif
