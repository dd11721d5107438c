// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sys/socket.h>
#include <linux/netlink.h>

#include "cleanup.h"
#include "err.h"
#include "rtnl.h"

/* Messages of a dump come in buffers of up to this many bytes (NLMSG_GOODSIZE, and then some). */
#define DUMP_BUFFER 32768

void cleanup_rtnl(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

int netlink_open(int bus, struct mnl_socket **ret_socket)
{
	_cleanup_(cleanup_rtnl) struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return negative_errno();
	*ret_socket = socket;
	socket = NULL;
	return 0;
}

int rtnl_open(struct mnl_socket **ret_socket)
{
	_cleanup_(cleanup_rtnl) struct mnl_socket *socket = NULL;
	int on = 1, r = netlink_open(NETLINK_ROUTE, &socket);

	if (r < 0)
		return r;
	/* without it the kernel dumps every interface's, whatever the request names */
	if (mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
		return negative_errno();
	*ret_socket = socket;
	socket = NULL;
	return 0;
}

int rtnl_change(struct mnl_socket *socket, struct nlmsghdr *header)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	ssize_t length;

	header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return negative_errno();
	length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (length < 0 || mnl_cb_run(buffer, length, header->nlmsg_seq,
				     mnl_socket_get_portid(socket), NULL, NULL) < 0)
		return negative_errno();
	return 0;
}

int rtnl_dump(struct mnl_socket *socket, struct nlmsghdr *header, mnl_cb_t callback, void *data)
{
	char buffer[DUMP_BUFFER];
	int r = MNL_CB_OK;

	header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return negative_errno();
	while (r == MNL_CB_OK) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (length < 0)
			return negative_errno();
		r = mnl_cb_run(buffer, length, header->nlmsg_seq, mnl_socket_get_portid(socket),
			       callback, data);
	}
	return r < 0 ? negative_errno() : 0;
}
