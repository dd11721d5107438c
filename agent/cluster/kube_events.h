/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes Event objects for Services: one at a time, rate-limited, without blocking the caller. */
#ifndef XDP_L2RESPD_KUBE_EVENTS_H
#define XDP_L2RESPD_KUBE_EVENTS_H

#include "kube.h"
#include "source.h"

struct kube_events;

typedef void kube_events_log_fn(int priority, const char *text, void *userdata);

/* Writes Events as @node. Errors with @err. */
int kube_events_new(sd_event *event, struct kube *kube, const char *node, kube_events_log_fn *log,
		    void *userdata, struct kube_events **ret_events, struct err *err);
/* Drops Events not yet written. Safe on NULL. */
void kube_events_free(struct kube_events *events);

/*
 * Queues the Event; a newer one for the same address replaces it. Rate limits: per address one a
 * minute after a burst of 5, in total 5 a second after a burst of 25. A repeated Event increments
 * the existing one's count. An Event that the server rejects, or one too many, is dropped.
 */
void kube_events_say(struct kube_events *events, const struct source_event *event);

#endif
