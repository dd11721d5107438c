// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_socket.h"
#include "cleanup.h"
#include "local_socket.h"

/* Locks a file, not the directory: if others made that, anybody might be able to lock it. */
#define LOCK	AGENT_SOCKET_DIRECTORY "/lock"
#define BACKLOG 16

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Is what has the socket's name surely abandoned? Nobody listens there (ECONNREFUSED), or it is a
 * symbolic link to nothing; after other errors somebody may listen. */
static bool is_stale(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = open_socket();

	return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
	       (errno == ECONNREFUSED || errno == ENOENT);
}

static int fail(const char *path, struct err *err)
{
	return err_set(err, negative_errno(), "%s: %s", path, strerror(errno));
}

int local_socket_claim(int *ret_fd, struct err *err)
{
	_cleanup_close_ int lock = -1, fd = -1;
	struct sockaddr_un address;
	int r = agent_socket_address(&address, err);

	if (r < 0)
		return r;
	if (mkdir(AGENT_SOCKET_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return fail(AGENT_SOCKET_DIRECTORY, err);
	/* if two agents find the same abandoned file, the second must see the first one's new
	 * socket */
	lock = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return fail(LOCK, err);
	if (is_stale(&address) && unlink(address.sun_path) < 0 && errno != ENOENT)
		return fail(address.sun_path, err);
	fd = open_socket();
	if (fd < 0)
		return fail(address.sun_path, err);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EADDRINUSE ? err_set(err, -EADDRINUSE,
						     "another agent runs in this network namespace")
					   : fail(address.sun_path, err);
	if (listen(fd, BACKLOG) < 0) {
		r = fail(address.sun_path, err);
		unlink(address.sun_path);
		return r;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

void local_socket_remove(void)
{
	struct sockaddr_un address;
	struct err ignored;

	if (!agent_socket_address(&address, &ignored))
		unlink(address.sun_path);
}
