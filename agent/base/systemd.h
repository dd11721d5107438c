/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the service manager is told: sd_notify(3)'s protocol, without its wait for a manager that
 * doesn't read. What can't be sent at once is lost, but for READY=1 and WATCHDOG=1.
 */
#ifndef XDP_L2RESPD_SYSTEMD_H
#define XDP_L2RESPD_SYSTEMD_H

#include <stdbool.h>
#include <systemd/sd-event.h>

struct systemd;

/* Feeds the watchdog, if there is one, as long as @event's loop turns. Without a service manager it
 * is no error, and nothing is told. Errors of timers. */
int systemd_new(sd_event *event, struct systemd **ret_systemd);
void systemd_free(struct systemd *systemd);

/* A line or several, as sd_notify() takes them. Returns whether they are sent. */
bool systemd_send(struct systemd *systemd, const char *text);

/* Feeds the watchdog, if there is one: for a thread that does so in the place of @event's loop. Any
 * thread may call this and systemd_send(). */
void systemd_alive(struct systemd *systemd);

/* READY=1, until it is sent. */
void systemd_ready(struct systemd *systemd);

#endif
