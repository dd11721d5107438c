// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sys/socket.h>
#include <linux/genetlink.h>

#include "genl.h"
#include "netlink.h"

/* The version of all families used here. */
#define FAMILY_VERSION 1

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

static struct nlmsghdr *put_header(char *buffer, uint16_t type, uint8_t command)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *generic;

	header->nlmsg_type = type;
	generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
	generic->cmd = command;
	generic->version = FAMILY_VERSION;
	return header;
}

int genl_ask(const char *family, uint8_t command, genl_put_fn *put, uint32_t ifindex,
	     mnl_cb_t callback, void *data)
{
	struct nlmsghdr *header;
	char buffer[256];
	uint16_t id = 0;
	int r;

	header = put_header(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(header, CTRL_ATTR_FAMILY_NAME, family);
	r = netlink_ask(NETLINK_GENERIC, header, family_cb, &id);
	if (r == -ENOENT)
		return -EOPNOTSUPP;
	if (r < 0)
		return r;
	header = put_header(buffer, id, command);
	put(header, ifindex);
	return netlink_ask(NETLINK_GENERIC, header, callback, data);
}
