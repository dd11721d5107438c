/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The condition on Services that says whether their addresses are announced. Unlike Events, it is
 * not deleted after an hour. */
#ifndef XDP_L2RESPD_CLUSTER_CONDITIONS_H
#define XDP_L2RESPD_CLUSTER_CONDITIONS_H

#include "announced.h"
#include "kube.h"

struct cluster_conditions;
struct source;

/* Writes the conditions of the Services in @source, as @node. @source and @kube are borrowed.
 * Errors with @err. */
int cluster_conditions_new(sd_event *event, struct kube *kube, struct source *source,
			   const char *node, struct cluster_conditions **ret_conditions,
			   struct err *err);
/* Drops what isn't written yet. Safe on NULL. */
void cluster_conditions_free(struct cluster_conditions *conditions);

/*
 * Writes @announced, unless the Service's condition says the same already: at most 50 a second
 * after a burst of 100; for one Service five in a row and then one a minute. Returns at once. The
 * caller repeats it every few seconds, since a request that failed isn't repeated here.
 *
 * "Unknown" replaces "True" only if this node wrote that one. It replaces other states only if this
 * node leads. So a node that can't reach the store doesn't overwrite what another one knows.
 */
void cluster_conditions_say(struct cluster_conditions *conditions,
			    const struct announced *announced);

/* A hash of the Service @object without this condition and the fields that each write changes. */
uint64_t cluster_conditions_hash(const json_t *object);

#endif
