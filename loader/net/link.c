// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h> /* before <linux/if.h>, which then omits the definitions they share */
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "cleanup.h"
#include "link.h"
#include "netlink.h"

static int vlan_cb(const struct nlattr *attribute, void *data)
{
	struct link *link = data;

	if (mnl_attr_get_type(attribute) == IFLA_VLAN_ID)
		link->vid = mnl_attr_get_u16(attribute);
	else if (mnl_attr_get_type(attribute) == IFLA_VLAN_PROTOCOL)
		link->vlan_protocol = ntohs(mnl_attr_get_u16(attribute));
	return MNL_CB_OK;
}

static int info_cb(const struct nlattr *attribute, void *data)
{
	struct link *link = data;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
		snprintf(link->kind, sizeof(link->kind), "%s", mnl_attr_get_str(attribute));
	/* the kind comes first (rtnl_link_info_fill) */
	else if (mnl_attr_get_type(attribute) == IFLA_INFO_DATA && !strcmp(link->kind, "vlan"))
		return mnl_attr_parse_nested(attribute, vlan_cb, link);
	else if (mnl_attr_get_type(attribute) == IFLA_INFO_SLAVE_KIND)
		snprintf(link->master_kind, sizeof(link->master_kind), "%s",
			 mnl_attr_get_str(attribute));
	return MNL_CB_OK;
}

static int xdp_cb(const struct nlattr *attribute, void *data)
{
	struct link *link = data;

	/* an interface has one of the two */
	if (mnl_attr_get_type(attribute) == IFLA_XDP_DRV_PROG_ID ||
	    mnl_attr_get_type(attribute) == IFLA_XDP_SKB_PROG_ID)
		link->xdp_id = mnl_attr_get_u32(attribute);
	if (mnl_attr_get_type(attribute) == IFLA_XDP_ATTACHED)
		link->native = mnl_attr_get_u8(attribute) == XDP_ATTACHED_DRV;
	return MNL_CB_OK;
}

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
	case IFLA_LINK:
		link->parent = mnl_attr_get_u32(attribute);
		break;
	case IFLA_MASTER:
		link->master = mnl_attr_get_u32(attribute);
		break;
	case IFLA_LINK_NETNSID:
		link->parent_nsid = (int)mnl_attr_get_u32(attribute);
		break;
	case IFLA_EVENT:
		link->event = mnl_attr_get_u32(attribute);
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attribute, info_cb, link);
	case IFLA_XDP:
		return mnl_attr_parse_nested(attribute, xdp_cb, link);
	}
	return MNL_CB_OK;
}

void link_from_message(const struct nlmsghdr *message, struct link *ret_link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);

	*ret_link = (struct link){
		.ifindex = info->ifi_index,
		.flags = info->ifi_flags,
		.ethernet = info->ifi_type == ARPHRD_ETHER,
		.parent_nsid = -1,
	};
	mnl_attr_parse(message, sizeof(*info), attribute_cb, ret_link);
}

static int link_cb(const struct nlmsghdr *header, void *data)
{
	link_from_message(header, data);
	return MNL_CB_OK;
}

/*
 * Sends RTM_GETLINK for @name or, if NULL, @ifindex, in the namespace with id @nsid (negative: the
 * caller's). Returns 0 or a negative errno.
 */
static int link_query(const char *name, unsigned int ifindex, int nsid, struct link *ret_link)
{
	char buffer[512];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;
	struct link link = {};
	int r;

	header->nlmsg_type = RTM_GETLINK;
	info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	info->ifi_index = ifindex;
	if (name)
		mnl_attr_put_strz(header, strlen(name) < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME,
				  name);
	if (nsid >= 0)
		mnl_attr_put_u32(header, IFLA_TARGET_NETNSID, nsid);
	r = netlink_ask(NETLINK_ROUTE, header, link_cb, &link);
	if (!r)
		*ret_link = link;
	return r;
}

int link_by_name(const char *name, struct link *ret_link, struct err *err)
{
	int r = strlen(name) < ALTIFNAMSIZ && name[0] ? link_query(name, 0, -1, ret_link) : -ENODEV;

	if (r == -ENODEV)
		return err_set(err, r, "no interface '%s' in this network namespace", name);
	if (r < 0)
		return err_set(err, r, "asking for interface %s: %s", name, strerror(-r));
	return 0;
}

int link_by_ifindex(unsigned int ifindex, struct link *ret_link, struct err *err)
{
	int r = link_query(NULL, ifindex, -1, ret_link);

	if (r < 0)
		return err_set(err, r, "asking for interface number %u: %s", ifindex, strerror(-r));
	return 0;
}

bool link_is_gone(unsigned int ifindex)
{
	struct err ignored;
	struct link link;

	return link_by_ifindex(ifindex, &link, &ignored) == -ENODEV;
}

struct xdp_search {
	uint32_t xdp_id;
	int nsid; /* of the namespace that is searched */
	bool found;
	struct link link;
	int link_nsid;
};

static int xdp_search_cb(const struct nlmsghdr *message, void *data)
{
	struct xdp_search *search = data;
	struct link link;

	link_from_message(message, &link);
	if (link.xdp_id == search->xdp_id) {
		search->found = true;
		search->link = link;
		search->link_nsid = search->nsid;
	}
	return MNL_CB_OK;
}

/* Searches a namespace. What can't be read, because it ended meanwhile or isn't the caller's to
 * read, has no match. */
static void xdp_search_in(struct xdp_search *search, int nsid)
{
	char buffer[512];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	if (nsid >= 0)
		mnl_attr_put_u32(header, IFLA_TARGET_NETNSID, nsid);
	search->nsid = nsid;
	netlink_dump(header, xdp_search_cb, search);
}

static int nsid_attribute_cb(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == NETNSA_NSID)
		xdp_search_in(data, (int)mnl_attr_get_u32(attribute));
	return MNL_CB_OK;
}

static int nsid_cb(const struct nlmsghdr *message, void *data)
{
	return mnl_attr_parse(message, sizeof(struct rtgenmsg), nsid_attribute_cb, data);
}

bool link_by_xdp(uint32_t xdp_id, struct link *ret_link, int *ret_nsid)
{
	char buffer[512];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct xdp_search search = { .xdp_id = xdp_id };

	header->nlmsg_type = RTM_GETNSID;
	mnl_nlmsg_put_extra_header(header, sizeof(struct rtgenmsg));
	xdp_search_in(&search, -1);
	if (!search.found)
		netlink_dump(header, nsid_cb, &search);
	if (search.found) {
		*ret_link = search.link;
		*ret_nsid = search.link_nsid;
	}
	return search.found;
}

bool link_hides_tags(const struct link *link)
{
	/* "openvswitch": an internal port */
	static const char *const kinds[] = { "bond", "bridge", "macvlan", "openvswitch", "team" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(link->kind, kinds[i]))
			return !link->native;
	return false;
}

bool link_lag_master(const struct link *link, struct link *ret_master)
{
	struct err ignored;

	return link->master &&
	       (!strcmp(link->master_kind, "bond") || !strcmp(link->master_kind, "team")) &&
	       !link_by_ifindex(link->master, ret_master, &ignored);
}

bool link_parent_hides_tags(const struct link *link)
{
	struct err ignored;
	struct link parent = {};

	return link_is_vlan(link) && link->parent_nsid < 0 &&
	       !link_by_ifindex(link->parent, &parent, &ignored) && link_hides_tags(&parent);
}

int link_veth_peer(const struct link *link, struct link *ret_peer, struct err *err)
{
	int r;

	if (strcmp(link->kind, "veth") != 0)
		return -EOPNOTSUPP;
	r = link_query(NULL, link->parent, link->parent_nsid, ret_peer);
	if (r < 0)
		return err_set(err, r, "asking for the peer of %s: %s", link->name, strerror(-r));
	return 0;
}

bool link_veth_deaf(const struct link *link, struct link *ret_peer)
{
	struct err ignored;

	return !link_veth_peer(link, ret_peer, &ignored) && !ret_peer->xdp_id;
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

const char *link_with_mac(const struct ifaddrs *all, const uint8_t mac[ETH_ALEN])
{
	static const uint8_t none[ETH_ALEN]; /* the loopback interface's */

	if (!memcmp(mac, none, ETH_ALEN))
		return NULL;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
		const struct sockaddr_ll *link = (const void *)one->ifa_addr;

		if (link && link->sll_family == AF_PACKET && link->sll_halen == ETH_ALEN &&
		    !memcmp(link->sll_addr, mac, ETH_ALEN))
			return one->ifa_name;
	}
	return NULL;
}
