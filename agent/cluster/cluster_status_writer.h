/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the conditions of address pools and of policies, one object at a time. */
#ifndef XDP_L2RESPD_CLUSTER_STATUS_WRITER_H
#define XDP_L2RESPD_CLUSTER_STATUS_WRITER_H

#include "kube.h"
#include "source_base.h"

struct cluster_status_writer;

/* A write has ended: call cluster_status_writer_continue(). If it @changed nothing, since it
 * failed, or the server doesn't keep it, that writes nothing before cluster_status_writer_retry().
 */
typedef void cluster_status_writer_fn(bool changed, void *userdata);

/* @kube and @source are borrowed. */
struct cluster_status_writer *cluster_status_writer_new(struct kube *kube, struct source *source,
							cluster_status_writer_fn *done,
							void *userdata);
/* Is a write under way? */
bool cluster_status_writer_writes(const struct cluster_status_writer *writer);
void cluster_status_writer_free(struct cluster_status_writer *writer);

/* Begins to write the next status that differs from @allocator's or the items' conditions, in
 * turns, unless a write is under way. */
void cluster_status_writer_continue(struct cluster_status_writer *writer,
				    const struct allocator *allocator);

void cluster_status_writer_retry(struct cluster_status_writer *writer);

#endif
