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
#include "loop.h"
#include "systemd.h"

/* Retry interval while the manager's socket is full, and the shortest between messages. */
#define RETRY_USEC 100000

struct systemd {
	sd_event_source *watchdog, *ready;
	uint64_t watchdog_usec; /* half of the manager's timeout, but RETRY_USEC or more */
	struct sockaddr_un address;
	socklen_t address_size;
	int fd;	    /* -1: there is no manager */
	bool begun; /* systemd_ready() was called */
};

/* sd_notify() opens a socket for each message, and blocks on it. */
bool systemd_send(struct systemd *systemd, const char *text)
{
	return systemd->fd >= 0 &&
	       sendto(systemd->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (struct sockaddr *)&systemd->address, systemd->address_size) >= 0;
}

static int ready_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	return systemd_send(userdata, "READY=1") ? 0 : loop_timer_after(source, RETRY_USEC);
}

static int watchdog_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct systemd *systemd = userdata;
	uint64_t next_usec = systemd->watchdog_usec;

	if (!systemd_send(systemd, "WATCHDOG=1"))
		next_usec = RETRY_USEC;
	return loop_timer_after(source, next_usec);
}

static int find_manager(struct systemd *systemd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;

	if ((path && *path != '/' && *path != '@') || length < 2 ||
	    length >= sizeof(systemd->address.sun_path))
		return 0;
	systemd->address.sun_family = AF_UNIX;
	memcpy(systemd->address.sun_path, path, length);
	if (*path == '@')
		systemd->address.sun_path[0] = '\0';
	systemd->address_size = offsetof(struct sockaddr_un, sun_path) + length;
	systemd->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return systemd->fd < 0 ? negative_errno() : 0;
}

int systemd_new(sd_event *event, struct systemd **ret_systemd)
{
	struct systemd *systemd = xcalloc(1, sizeof(*systemd));
	int r;

	systemd->fd = -1;
	r = find_manager(systemd);
	if (r >= 0 && systemd->fd >= 0)
		r = loop_timer_new(event, LOOP_NEVER, ready_due, systemd, &systemd->ready);
	if (r >= 0 && systemd->fd >= 0 && sd_watchdog_enabled(false, &systemd->watchdog_usec) > 0) {
		systemd->watchdog_usec /= 2;
		if (systemd->watchdog_usec < RETRY_USEC)
			systemd->watchdog_usec = RETRY_USEC;
		r = loop_timer_new(event, 0, watchdog_due, systemd, &systemd->watchdog);
	}
	if (r < 0) {
		systemd_free(systemd);
		return r;
	}
	*ret_systemd = systemd;
	return 0;
}

void systemd_free(struct systemd *systemd)
{
	if (!systemd)
		return;
	sd_event_source_disable_unref(systemd->watchdog);
	sd_event_source_disable_unref(systemd->ready);
	if (systemd->fd >= 0)
		close(systemd->fd);
	free(systemd);
}

void systemd_alive(struct systemd *systemd)
{
	if (systemd->watchdog)
		systemd_send(systemd, "WATCHDOG=1");
}

void systemd_ready(struct systemd *systemd)
{
	systemd->begun = true;
	if (systemd->ready && !systemd_send(systemd, "READY=1"))
		loop_timer_after(systemd->ready, RETRY_USEC);
}

bool systemd_is_ready(const struct systemd *systemd)
{
	return systemd->begun;
}
