// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent_socket.h"
#include "alloc.h"
#include "cleanup.h"

/* An agent that takes longer to answer is reported as hanging. */
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
	/* SO_SNDTIMEO bounds connect(), too, which blocks while the backlog is full */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return err_set(err, negative_errno(), "making a socket: %s", strerror(errno));
	if (!connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return TAKE_FD(fd);
	if (errno == ENOENT || errno == ECONNREFUSED)
		return -ENOENT;
	if (errno == EAGAIN)
		return err_set(err, -ETIMEDOUT, "it doesn't answer");
	return err_set(err, negative_errno(), "%s: %s", address.sun_path, strerror(errno));
}

/* Sends @request and reads the answer until the agent closes. The caller frees *ret_answer. */
static int exchange(int fd, const char *request, char **ret_answer)
{
	char bytes[4096];
	size_t size;
	ssize_t got = -1;
	FILE *answer = xopen_memstream(ret_answer, &size);

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) >= 0)
		while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
			fwrite(bytes, 1, got, answer);
	xclose_memstream(answer, ret_answer);
	return got < 0 ? -ETIMEDOUT : 0;
}

int agent_socket_get(const char *path, unsigned int *ret_status, char **ret_body, struct err *err)
{
	_cleanup_close_ int fd = agent_socket_connect(err);
	_cleanup_free_ char *answer = NULL;
	char request[1024], *body;
	unsigned int status;

	if (fd < 0)
		return fd;
	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
	body = exchange(fd, request, &answer) < 0 ? NULL : strstr(answer, "\r\n\r\n");
	if (!body || sscanf(answer, "HTTP/%*s %u", &status) != 1)
		return err_set(err, -ETIMEDOUT, "it doesn't answer");
	*ret_body = xstrdup(body + strlen("\r\n\r\n"));
	*ret_status = status;
	return 0;
}

int agent_socket_ready(struct err *ret_why)
{
	_cleanup_free_ char *body = NULL;
	unsigned int status;
	int r = agent_socket_get("/readyz", &status, &body, ret_why);

	if (r < 0)
		return r == -ETIMEDOUT ? r : -ENOENT;
	err_write(ret_why, "%.*s", (int)strcspn(body, "\n"), body);
	return status == 200;
}
