/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses that pools have assigned to Services, kept over restarts in a file if there is no
 * API server. JSON, an assignment a line, sorted by namespace and name.
 */
#ifndef XDP_L2RESPD_ASSIGNMENTS_H
#define XDP_L2RESPD_ASSIGNMENTS_H

#include <stddef.h>

#include "address_list.h"
#include "err.h"

/* Zeroed: empty. */
struct assignments {
	void *tree; /* tsearch(3) */
	size_t count;
};

void assignments_free(struct assignments *assignments);

/* Sets the addresses of @namespace/@name, copied; none: removes it. */
void assignments_set(struct assignments *assignments, const char *namespace, const char *name,
		     const struct address_list *addresses);

/* The addresses of @namespace/@name, or NULL. */
const struct address_list *assignments_get(const struct assignments *assignments,
					   const char *namespace, const char *name);

/*
 * Reads @path into *@ret_assignments, which must be empty. A missing file gives no assignments.
 * -EINVAL with @err: the file isn't as assignments_write() writes it. It is then rejected as a
 * whole, since addresses could move if a part of it were used. Also errors of open().
 */
int assignments_read(const char *path, struct assignments *ret_assignments, struct err *err);

/* Replaces @path atomically, and syncs it to the disk. On failure, with @err, @path has either the
 * old or the new contents. */
int assignments_write(const char *path, const struct assignments *assignments, struct err *err);

#endif
