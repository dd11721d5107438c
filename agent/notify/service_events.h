/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people are told on a Service when this node begins to announce an address. */
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

/* This node answers for @address on @ifindex from now on. */
void service_events_answered(struct service_events *events, const struct address *address,
			     uint32_t ifindex);

#endif
