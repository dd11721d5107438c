// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "cleanup.h"
#include "err.h"
#include "xdp_features.h"

/* From <linux/netdev.h> of Linux 6.3, which Debian 12's headers don't have. */
#define NETDEV_FAMILY_NAME	  "netdev"
#define NETDEV_FAMILY_VERSION	  1
#define NETDEV_CMD_DEV_GET	  1
#define NETDEV_A_DEV_IFINDEX	  1
#define NETDEV_A_DEV_XDP_FEATURES 3
#define NETDEV_XDP_ACT_BASIC	  1

static void cleanup_mnl_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

/* Sends @header and hands the one answer to @callback. Returns 0 or a negative errno. */
static int ask(struct mnl_socket *socket, struct nlmsghdr *header, mnl_cb_t callback, void *data)
{
	char buffer[8192];
	ssize_t length;

	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return negative_errno();
	length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (length < 0 || mnl_cb_run(buffer, length, header->nlmsg_seq,
				     mnl_socket_get_portid(socket), callback, data) < 0)
		return negative_errno();
	return 0;
}

static int family_cb(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID)
			*(uint16_t *)data = mnl_attr_get_u16(attribute);
	}
	return MNL_CB_OK;
}

static int features_cb(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attribute) == NETDEV_A_DEV_XDP_FEATURES)
			*(uint64_t *)data = mnl_attr_get_u64(attribute);
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *put_request(char *buffer, uint16_t type, uint8_t command, uint8_t version)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *generic;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = 1;
	generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
	generic->cmd = command;
	generic->version = version;
	return header;
}

int xdp_features_native(uint32_t ifindex, bool *ret_native)
{
	_cleanup_(cleanup_mnl_socket) struct mnl_socket *socket = mnl_socket_open(NETLINK_GENERIC);
	char buffer[256];
	struct nlmsghdr *header;
	uint16_t family = 0;
	uint64_t features = 0;
	int r;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return negative_errno();
	header = put_request(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(header, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY_NAME);
	r = ask(socket, header, family_cb, &family);
	if (r == -ENOENT)
		return -EOPNOTSUPP;
	if (r < 0)
		return r;
	header = put_request(buffer, family, NETDEV_CMD_DEV_GET, NETDEV_FAMILY_VERSION);
	mnl_attr_put_u32(header, NETDEV_A_DEV_IFINDEX, ifindex);
	r = ask(socket, header, features_cb, &features);
	if (r < 0)
		return r;
	*ret_native = features & NETDEV_XDP_ACT_BASIC;
	return 0;
}
