/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the service manager is told: sd_notify(3)'s protocol, without its wait for a manager that
 * doesn't read. What can't be sent at once is lost, but for READY=1 and WATCHDOG=1.
 */
#ifndef XDP_L2RESPD_NOTIFY_H
#define XDP_L2RESPD_NOTIFY_H

#include <stdbool.h>
#include <systemd/sd-event.h>

struct notify;

/* Feeds the watchdog, if there is one, as long as @event's loop turns. Without a service manager it
 * is no error, and nothing is told. Errors of timers. */
int notify_new(sd_event *event, struct notify **ret_notify);
void notify_free(struct notify *notify);

/* A line or several, as sd_notify() takes them. Returns whether they are sent. */
bool notify_send(struct notify *notify, const char *text);

/* Feeds the watchdog, if there is one: for a thread that does so in the place of @event's loop. Any
 * thread may call this and notify_send(). */
void notify_alive(struct notify *notify);

/* READY=1, until it is sent. */
void notify_ready(struct notify *notify);

#endif
