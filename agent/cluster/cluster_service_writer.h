/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes what pools decided into the status of Services: addresses, and the condition. */
#ifndef XDP_L2RESPD_CLUSTER_SERVICE_WRITER_H
#define XDP_L2RESPD_CLUSTER_SERVICE_WRITER_H

#include "kube.h"
#include "source_base.h"
#include "verdict.h"

struct cluster_service_writer;

/* A write of @item's status has ended, of which @item is the name. Not @changed: it was rejected,
 * or the server doesn't keep what differs. */
typedef void cluster_service_writer_fn(const char *item, bool changed, void *userdata);

struct cluster_service_writer *cluster_service_writer_new(struct kube *kube, struct source *source,
							  cluster_service_writer_fn *done,
							  void *userdata);

/* NULL is fine. */
void cluster_service_writer_free(struct cluster_service_writer *writer);

/* Does the status of @item's Service differ from @verdict? */
bool cluster_service_writer_differs(const struct cluster_service_writer *writer,
				    const struct source_item *item, const struct verdict *verdict);

/* Begins to write @verdict, unless the outcome of another write of @item isn't known yet. */
void cluster_service_writer_write(struct cluster_service_writer *writer,
				  const struct source_item *item, const struct verdict *verdict);

/* Is there room for one more request? Is there none in flight? */
bool cluster_service_writer_has_room(const struct cluster_service_writer *writer);
bool cluster_service_writer_idle(const struct cluster_service_writer *writer);

/* Adds the addresses that writes of @item may still put into its status. */
void cluster_service_writer_add_written(struct cluster_service_writer *writer,
					const struct source_item *item,
					struct address_list *addresses);

/* @item is about to be removed; or items are gone: their writes' outcomes no longer matter. */
void cluster_service_writer_forget(struct cluster_service_writer *writer,
				   const struct source_item *item);
void cluster_service_writer_sweep(struct cluster_service_writer *writer);

/* Services were listed: a write whose outcome that doesn't show may be lost. */
void cluster_service_writer_listed(struct cluster_service_writer *writer);

#endif
