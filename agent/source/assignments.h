/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which Service has which addresses of the pools, kept in a file over restarts where there is no
 * API server to keep it: JSON, in the order of namespaces and names.
 */
#ifndef XDP_L2RESPD_ASSIGNMENTS_H
#define XDP_L2RESPD_ASSIGNMENTS_H

#include <stddef.h>

#include "address_list.h"
#include "err.h"

/* All zero is an empty one. */
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
 * Reads @path into *ret_assignments, an empty one before; no file is an empty one. -EINVAL with
 * @err for anything that assignments_write() doesn't write: addresses could move if a part of it
 * were believed, or none. Other errors as the system has them.
 */
int assignments_read(const char *path, struct assignments *ret_assignments, struct err *err);

/* Replaces @path as a whole. On return it is on the disk, whatever happens then; on failure, with
 * @err, @path is either as it was, or the new one. */
int assignments_write(const char *path, const struct assignments *assignments, struct err *err);

#endif
