/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address pools of a directory of manifests. Nobody else writes the Services' status there:
 * what is decided goes into them in memory, where policies find it as status.loadBalancer.ingress,
 * and into a file, so that it is the same after a restart. docs/pools.md says what a group of nodes
 * can rely on.
 */
#ifndef XDP_L2RESPD_DIRECTORY_POOLS_H
#define XDP_L2RESPD_DIRECTORY_POOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "allocator.h"
#include "err.h"
#include "manifest.h"

struct directory_pools;

/* Told of a Service whose addresses, or whose condition, are others now. */
typedef void directory_pools_fn(const struct verdict *verdict, void *userdata);

/* @path: the file, @read_only: which isn't written; @class as for allocator_new().
 */
struct directory_pools *directory_pools_new(const char *path, bool read_only,
					    const struct service_class *class,
					    directory_pools_fn *changed, void *userdata);

void directory_pools_free(struct directory_pools *pools);

/*
 * Decides for the objects of @manifests, a later one standing for an earlier one of its name, and
 * sets the Services' load_balancer addresses. An address is there once the file has it: if that
 * can't be read or written, with @err, nothing is given that it didn't have, and the next call
 * tries again. @reserved: as of allocator_set_reserved(). @broken: some manifest can't be read, so
 * that what isn't there may be nevertheless, or it isn't known what is reserved: nothing is
 * decided, the Services that are there have what they had.
 */
int directory_pools_update(struct directory_pools *pools, struct manifest *const *manifests,
			   size_t count, const struct address_list *reserved, bool broken,
			   struct err *err);

/* For the pools' statuses. */
const struct allocator *directory_pools_allocator(const struct directory_pools *pools);

#endif
