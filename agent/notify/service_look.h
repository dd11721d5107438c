/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks every few seconds which node announces the addresses of all Services. Writes an Event for
 * addresses that no node announces, and a condition for each Service. In turns of bounded time. */
#ifndef XDP_L2RESPD_SERVICE_LOOK_H
#define XDP_L2RESPD_SERVICE_LOOK_H

#include <systemd/sd-event.h>

#include "service_view.h"

struct service_look;

/* Errors with @err. */
int service_look_new(sd_event *event, service_view_fn *view, void *userdata,
		     struct service_look **ret_look, struct err *err);
/* NULL is fine. */
void service_look_free(struct service_look *look);

/* This node has begun to announce an address: looks at once, or soon if it has just looked. */
void service_look_soon(struct service_look *look);

#endif
