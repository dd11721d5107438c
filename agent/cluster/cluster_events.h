/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes Event objects for Services: one at a time, rate-limited, without blocking the caller. */
#ifndef XDP_L2RESPD_CLUSTER_EVENTS_H
#define XDP_L2RESPD_CLUSTER_EVENTS_H

#include "kube.h"
#include "source.h"

struct cluster_events;

/* @origin: the namespace that it is about; NULL: all. */
typedef void cluster_events_log_fn(int priority, const char *origin, const char *text,
				   void *userdata);

/* Writes Events as @node. Errors with @err. */
int cluster_events_new(sd_event *event, struct kube *kube, const char *node,
		       cluster_events_log_fn *log, void *userdata,
		       struct cluster_events **ret_events, struct err *err);
/* Drops Events not yet written. Safe on NULL. */
void cluster_events_free(struct cluster_events *events);

/*
 * Queues the Event; a newer one for the same address replaces it. Rate limits: per address one a
 * minute after a burst of 5, in total 5 a second after a burst of 25. A repeated Event increments
 * the existing one's count. An Event that the server rejects, or one too many, is dropped.
 */
void cluster_events_say(struct cluster_events *events, const struct source_event *event);

#endif
