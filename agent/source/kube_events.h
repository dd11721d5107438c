/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event objects on Services, for people: one at a time, not too many, and nobody waits for them. */
#ifndef XDP_L2RESPD_KUBE_EVENTS_H
#define XDP_L2RESPD_KUBE_EVENTS_H

#include <stdbool.h>

#include "kube.h"
#include "manifest.h"

/* What is to be said of an address of a Service. Copied, but for the reason. */
struct kube_event {
	const struct service *service;
	const struct address *address;
	bool warning;
	const char *reason; /* one word, as kubectl shows it */
	const char *message;
	uint64_t again_ns; /* the same is said again only after this; 0: each time counts */
};

struct kube_events;

typedef void kube_events_log_fn(int priority, const char *text, void *userdata);

/* In @node's name. Errors with @err. */
int kube_events_new(sd_event *event, struct kube *kube, const char *node, kube_events_log_fn *log,
		    void *userdata, struct kube_events **ret_events, struct err *err);
/* What isn't written is not written. NULL is fine. */
void kube_events_free(struct kube_events *events);

/*
 * To be written, soon or late: of one address only the newest is, five in a row and then one a
 * minute; of all together 5 a second, after 25. The same as before becomes that Event's count. What
 * can't be written (permissions, too much of it) is left out.
 */
void kube_events_say(struct kube_events *events, const struct kube_event *event);

#endif
