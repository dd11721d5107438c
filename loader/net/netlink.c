// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <linux/netlink.h>

#include "alloc.h"
#include "cleanup.h"
#include "err.h"
#include "netlink.h"

/* Room for one message: a link with many virtual functions needs more than MNL_SOCKET_BUFFER_SIZE.
 * The kernel also packs a dump's messages into buffers of up to this size. */
#define BUFFER_SIZE 32768

/* What is dumped may change between two messages (NLM_F_DUMP_INTR), as interfaces come and go. */
#define DUMP_TRIES 20

/* Unused sockets by bus. */
static _Thread_local struct mnl_socket *idle[NETLINK_GENERIC + 1];

static struct mnl_socket *socket_open(int bus)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	int on = 1;

	/* without strict checks the kernel ignores the request's ifindex and dumps all interfaces
	 */
	if (socket && !mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) &&
	    !mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on)))
		return socket;
	if (socket)
		mnl_socket_close(socket);
	return NULL;
}

/* A callback may send requests, too, and then gets another socket. */
static struct mnl_socket *socket_get(int bus)
{
	struct mnl_socket *socket = idle[bus];

	idle[bus] = NULL;
	return socket ?: socket_open(bus);
}

static void socket_give_back(int bus, struct mnl_socket *socket)
{
	if (idle[bus])
		mnl_socket_close(socket);
	else
		idle[bus] = socket;
}

/* Calls @callback only once the answer is complete: an interrupted dump is repeated. */
static int exchange(struct mnl_socket *socket, const struct nlmsghdr *header, bool dump,
		    mnl_cb_t callback, void *data)
{
	unsigned int port = mnl_socket_get_portid(socket);
	_cleanup_free_ char *answer = NULL;
	size_t size = 0;
	int r;

	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return negative_errno();
	do {
		ssize_t length;

		answer = xrealloc(answer, size + BUFFER_SIZE);
		length = mnl_socket_recvfrom(socket, answer + size, BUFFER_SIZE);
		if (length < 0)
			return negative_errno();
		r = mnl_cb_run(answer + size, length, header->nlmsg_seq, port, NULL, NULL);
		size += length;
	} while (r == MNL_CB_OK && dump);
	if (r >= 0)
		r = mnl_cb_run(answer, size, header->nlmsg_seq, port, callback, data);
	return r < 0 ? negative_errno() : 0;
}

static int ask(int bus, struct nlmsghdr *header, bool dump, mnl_cb_t callback, void *data)
{
	static _Thread_local unsigned int sequence;
	struct mnl_socket *socket = socket_get(bus);
	int r;

	if (!socket)
		return negative_errno();
	header->nlmsg_seq = ++sequence;
	r = exchange(socket, header, dump, callback, data);
	/* after a failure, more answers may follow: don't reuse the socket */
	if (r < 0)
		mnl_socket_close(socket);
	else
		socket_give_back(bus, socket);
	return r;
}

int netlink_ask(int bus, struct nlmsghdr *header, mnl_cb_t callback, void *data)
{
	header->nlmsg_flags |= NLM_F_REQUEST;
	return ask(bus, header, false, callback, data);
}

int netlink_dump(struct nlmsghdr *header, mnl_cb_t callback, void *data)
{
	int r, tries = DUMP_TRIES;

	header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	do
		r = ask(NETLINK_ROUTE, header, true, callback, data);
	while (r == -EINTR && --tries);
	return r;
}
