/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notifies the service manager by sd_notify(3)'s protocol, but never blocks on a manager that
 * doesn't read. Messages that can't be sent at once are lost, except READY=1 and WATCHDOG=1.
 */
#ifndef XDP_L2RESPD_SYSTEMD_H
#define XDP_L2RESPD_SYSTEMD_H

#include <stdbool.h>
#include <systemd/sd-event.h>

struct systemd;

/* Feeds the watchdog, if there is one, as long as @event's loop runs. Without a service manager it
 * succeeds, and nothing is sent. Errors of timers. */
int systemd_new(sd_event *event, struct systemd **ret_systemd);
void systemd_free(struct systemd *systemd);

/* Sends one or more lines in sd_notify()'s format. Returns whether they were sent. */
bool systemd_send(struct systemd *systemd, const char *text);

/* Feeds the watchdog, if there is one, from another thread than @event's. Any thread may call this
 * and systemd_send(). */
void systemd_alive(struct systemd *systemd);

/* Sends READY=1, and retries until it is sent. */
void systemd_ready(struct systemd *systemd);

/* Has systemd_ready() been called? */
bool systemd_is_ready(const struct systemd *systemd);

#endif
