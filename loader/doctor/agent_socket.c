// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent_socket.h"
#include "cleanup.h"

/* One that doesn't answer by then hangs. */
#define TIMEOUT_SECONDS 2

int agent_socket_address(struct sockaddr_un *ret_address, struct err *err)
{
	struct stat net;

	if (stat("/proc/self/ns/net", &net) < 0)
		return err_set(err, negative_errno(), "/proc/self/ns/net: %s", strerror(errno));
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
		 AGENT_SOCKET_DIRECTORY "/net-%ju.sock", (uintmax_t)net.st_ino);
	return 0;
}

int agent_socket_connect(struct err *err)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval timeout = { .tv_sec = TIMEOUT_SECONDS };
	struct sockaddr_un address;
	int r = agent_socket_address(&address, err);

	if (r < 0)
		return r;
	/* the time to send bounds connect() too, which waits while the backlog is full */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return err_set(err, negative_errno(), "making a socket: %s", strerror(errno));
	if (!connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		r = fd;
		fd = -1;
		return r;
	}
	if (errno == ENOENT || errno == ECONNREFUSED)
		return -ENOENT;
	if (errno == EAGAIN)
		return err_set(err, -ETIMEDOUT, "it doesn't answer");
	return err_set(err, negative_errno(), "%s: %s", address.sun_path, strerror(errno));
}

/* Sends @request, and reads all that comes until the other end closes. Returns its length. */
static ssize_t exchange(int fd, const char *request, char *answer, size_t size)
{
	size_t used = 0;
	ssize_t got;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return negative_errno();
	while ((got = recv(fd, answer + used, size - 1 - used, 0)) > 0)
		used += got;
	answer[used] = '\0';
	return got < 0 ? negative_errno() : (ssize_t)used;
}

int agent_socket_ready(struct err *ret_why)
{
	_cleanup_close_ int fd = agent_socket_connect(ret_why);
	char answer[2048], *body;
	unsigned int status;
	ssize_t got;

	if (fd < 0)
		return fd == -ETIMEDOUT ? fd : -ENOENT;
	got = exchange(fd, "GET /readyz HTTP/1.0\r\n\r\n", answer, sizeof(answer));
	body = got < 0 ? NULL : strstr(answer, "\r\n\r\n");
	if (!body || sscanf(answer, "HTTP/%*s %u", &status) != 1)
		return err_set(ret_why, -ETIMEDOUT, "it doesn't answer");
	body += strlen("\r\n\r\n");
	err_write(ret_why, "%.*s", (int)strcspn(body, "\n"), body);
	return status == 200;
}
