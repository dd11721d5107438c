/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address pools of a directory of manifests. The addresses that they assign are put into the
 * Services in memory, as status.loadBalancer.ingress, and into a file, so that they are the same
 * after a restart. docs/pools.md says what a group of nodes can rely on.
 */
#ifndef XDP_L2RESPD_DIRECTORY_POOLS_H
#define XDP_L2RESPD_DIRECTORY_POOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocator.h"
#include "err.h"
#include "manifest.h"

struct directory_pools;

/* Called for a Service whose addresses or condition have changed. */
typedef void directory_pools_fn(const struct verdict *verdict, void *userdata);

/* @path: the assignments file; @read_only: don't write it; @class as for allocator_new(). */
struct directory_pools *directory_pools_new(const char *path, bool read_only,
					    const struct service_class *class,
					    directory_pools_fn *changed, void *userdata);

void directory_pools_free(struct directory_pools *pools);

/*
 * Begins a decision for the objects in @manifests, of which the last of each name counts. The list
 * is borrowed, and the objects must stay as they are, until directory_pools_use(). @reserved: as in
 * allocator_set_reserved(). @broken: a manifest can't be read, so that objects may be missing, or
 * the reserved addresses aren't known: decides nothing, Services keep their addresses.
 */
void directory_pools_begin(struct directory_pools *pools, struct manifest *const *manifests,
			   size_t count, const struct address_list *reserved, bool broken);

/* Continues in the turn that began at @begun_ns (CLOCK_BOOTTIME), and writes the file. Returns
 * whether the decision is finished. */
bool directory_pools_continue(struct directory_pools *pools, uint64_t begun_ns);

/*
 * Sets the Services' load_balancer addresses to what was decided. An address is used only once the
 * file has it: if the file can't be read or written, with @err, no new address is assigned, and the
 * next decision tries again.
 */
int directory_pools_use(struct directory_pools *pools, struct err *err);

/* Has somebody removed the file? directory_pools_begin() writes it again: without it, addresses
 * could change at the next start. */
bool directory_pools_lost(const struct directory_pools *pools);

/* The allocator, for the pools' status. */
const struct allocator *directory_pools_allocator(const struct directory_pools *pools);

#endif
