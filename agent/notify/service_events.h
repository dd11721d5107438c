/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes Kubernetes Events for a Service when this node begins to announce one of its addresses. */
#ifndef XDP_L2RESPD_SERVICE_EVENTS_H
#define XDP_L2RESPD_SERVICE_EVENTS_H

#include <systemd/sd-event.h>

#include "service_view.h"

struct service_events;

/* Errors of timers with @err. */
int service_events_new(sd_event *event, service_view_fn *view, void *userdata,
		       struct service_events **ret_events, struct err *err);
/* NULL is fine. */
void service_events_free(struct service_events *events);

/* This node has begun to answer for @address on @ifindex. */
void service_events_answered(struct service_events *events, const struct address *address,
			     uint32_t ifindex);

#endif
