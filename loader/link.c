// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h> /* before <linux/if.h>, which then leaves its part out */
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "cleanup.h"
#include "link.h"

static int attribute_cb(const struct nlattr *attribute, void *data)
{
	struct link *link = data;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		snprintf(link->name, sizeof(link->name), "%s", mnl_attr_get_str(attribute));
		break;
	case IFLA_MTU:
		link->mtu = mnl_attr_get_u32(attribute);
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attribute) == ETH_ALEN)
			memcpy(link->mac, mnl_attr_get_payload(attribute), ETH_ALEN);
		break;
	}
	return MNL_CB_OK;
}

static int link_cb(const struct nlmsghdr *header, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	struct link *link = data;

	link->ifindex = info->ifi_index;
	link->flags = info->ifi_flags;
	link->ethernet = info->ifi_type == ARPHRD_ETHER;
	return mnl_attr_parse(header, sizeof(*info), attribute_cb, link);
}

static void cleanup_mnl_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

/* One RTM_GETLINK, by @name or, if that is NULL, by @ifindex. Returns 0 or a negative errno. */
static int link_query(const char *name, unsigned int ifindex, struct link *ret_link)
{
	_cleanup_(cleanup_mnl_socket) struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
	/* a link with many virtual functions answers with more than MNL_SOCKET_BUFFER_SIZE */
	char buffer[32768];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;
	struct link link = {};
	ssize_t length;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return negative_errno();
	header->nlmsg_type = RTM_GETLINK;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = 1;
	info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	info->ifi_index = ifindex;
	if (name)
		mnl_attr_put_strz(header, IFLA_IFNAME, name);
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return negative_errno();
	length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (length < 0)
		return negative_errno();
	if (mnl_cb_run(buffer, length, 1, mnl_socket_get_portid(socket), link_cb, &link) < 0)
		return negative_errno();
	*ret_link = link;
	return 0;
}

int link_by_name(const char *name, struct link *ret_link, struct err *err)
{
	int r = strlen(name) < IFNAMSIZ && name[0] ? link_query(name, 0, ret_link) : -ENODEV;

	if (r == -ENODEV)
		return err_set(err, r, "no interface '%s' in this network namespace", name);
	if (r < 0)
		return err_set(err, r, "asking for interface %s: %s", name, strerror(-r));
	return 0;
}

int link_by_ifindex(unsigned int ifindex, struct link *ret_link, struct err *err)
{
	int r = link_query(NULL, ifindex, ret_link);

	if (r < 0)
		return err_set(err, r, "asking for interface number %u: %s", ifindex, strerror(-r));
	return 0;
}

int link_for_arp(const char *name, struct link *ret_link, struct err *err)
{
	static const uint8_t zero[ETH_ALEN];
	struct link link = {};
	int r = link_by_name(name, &link, err);

	if (r < 0)
		return r;
	if (!link.ethernet || !memcmp(link.mac, zero, ETH_ALEN))
		return err_set(err, -EOPNOTSUPP, "%s is not an Ethernet interface; it has no ARP",
			       name);
	*ret_link = link;
	return 0;
}

int link_netns_cookie(uint64_t *ret_cookie, struct err *err)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie;
	socklen_t size = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
		return err_set(err, negative_errno(),
			       "asking for the network namespace's cookie: %s", strerror(errno));
	*ret_cookie = cookie;
	return 0;
}
