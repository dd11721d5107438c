/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks every few seconds which node announces the addresses of all Services. Writes an Event for
 * addresses that no node announces, and a condition for each Service. In turns of bounded time. */
#ifndef XDP_L2RESPD_NOTIFY_LOOK_H
#define XDP_L2RESPD_NOTIFY_LOOK_H

#include <systemd/sd-event.h>

#include "notify_view.h"

struct notify_look;

/* Errors with @err. */
int notify_look_new(sd_event *event, notify_view_fn *view, void *userdata,
		    struct notify_look **ret_look, struct err *err);
/* NULL is fine. */
void notify_look_free(struct notify_look *look);

/* This node has begun to announce an address: looks at once, or soon if it has just looked. */
void notify_look_soon(struct notify_look *look);

#endif
