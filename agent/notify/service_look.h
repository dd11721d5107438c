/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks every few seconds who announces the addresses of all Services: an Event says that nobody
 * may, and a condition says how it is. In turns of bounded time. */
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

/* This node announces what it didn't: looks at once, or soon if it has just looked. */
void service_look_soon(struct service_look *look);

#endif
