/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes Kubernetes Events for a Service when this node begins to announce one of its addresses. */
#ifndef XDP_L2RESPD_NOTIFY_EVENTS_H
#define XDP_L2RESPD_NOTIFY_EVENTS_H

#include <systemd/sd-event.h>

#include "notify_view.h"

struct notify_events;

/* Errors of timers with @err. */
int notify_events_new(sd_event *event, notify_view_fn *view, void *userdata,
		      struct notify_events **ret_events, struct err *err);
/* NULL is fine. */
void notify_events_free(struct notify_events *events);

/* This node has begun to answer for @address on @ifindex. */
void notify_events_answered(struct notify_events *events, const struct address *address,
			    uint32_t ifindex);

#endif
