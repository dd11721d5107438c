// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "alloc.h"
#include "err.h"
#include "notify.h"

/* A manager that doesn't read now may do so later. */
#define RETRY_USEC 100000

struct notify {
	sd_event_source *watchdog, *ready;
	uint64_t watchdog_usec; /* half of what the manager waits */
	struct sockaddr_un address;
	socklen_t address_size;
	int fd; /* -1: nobody to tell */
};

/* sd_notify() has a socket of its own for each message, and waits on it. */
bool notify_send(struct notify *notify, const char *text)
{
	return notify->fd >= 0 &&
	       sendto(notify->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (struct sockaddr *)&notify->address, notify->address_size) >= 0;
}

static int again(sd_event_source *source, uint64_t usec)
{
	int r = sd_event_source_set_time_relative(source, usec);

	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int ready_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	return notify_send(userdata, "READY=1") ? 0 : again(source, RETRY_USEC);
}

static int watchdog_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct notify *notify = userdata;
	uint64_t next_usec = notify->watchdog_usec;

	if (!notify_send(notify, "WATCHDOG=1") && next_usec > RETRY_USEC)
		next_usec = RETRY_USEC;
	return again(source, next_usec);
}

static int find_manager(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;

	if ((path && *path != '/' && *path != '@') || length < 2 ||
	    length >= sizeof(notify->address.sun_path))
		return 0;
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, path, length);
	if (*path == '@')
		notify->address.sun_path[0] = '\0';
	notify->address_size = offsetof(struct sockaddr_un, sun_path) + length;
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return notify->fd < 0 ? negative_errno() : 0;
}

int notify_new(sd_event *event, struct notify **ret_notify)
{
	struct notify *notify = xcalloc(1, sizeof(*notify));
	int r;

	notify->fd = -1;
	r = find_manager(notify);
	if (r >= 0 && notify->fd >= 0)
		r = sd_event_add_time_relative(event, &notify->ready, CLOCK_MONOTONIC, 0, 0,
					       ready_due, notify);
	if (r >= 0 && notify->fd >= 0)
		r = sd_event_source_set_enabled(notify->ready, SD_EVENT_OFF);
	if (r >= 0 && notify->fd >= 0 && sd_watchdog_enabled(false, &notify->watchdog_usec) > 0) {
		notify->watchdog_usec /= 2;
		r = sd_event_add_time_relative(event, &notify->watchdog, CLOCK_MONOTONIC, 0, 0,
					       watchdog_due, notify);
	}
	if (r < 0) {
		notify_free(notify);
		return r;
	}
	*ret_notify = notify;
	return 0;
}

void notify_free(struct notify *notify)
{
	if (!notify)
		return;
	sd_event_source_disable_unref(notify->watchdog);
	sd_event_source_disable_unref(notify->ready);
	if (notify->fd >= 0)
		close(notify->fd);
	free(notify);
}

void notify_alive(struct notify *notify)
{
	if (notify->watchdog)
		notify_send(notify, "WATCHDOG=1");
}

void notify_ready(struct notify *notify)
{
	if (notify->ready && !notify_send(notify, "READY=1"))
		again(notify->ready, RETRY_USEC);
}
