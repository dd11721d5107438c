// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/rtnetlink.h>

#include "alloc.h"
#include "binary_search.h"
#include "cleanup.h"
#include "kernel_view.h"
#include "netlink.h"

#define SETTINGS "/proc/sys/net"

static int local_compare(const void *a, const void *b)
{
	const struct local_address *left = a, *right = b;
	int order = address_compare(&left->address, &right->address);

	if (order)
		return order;
	if (left->ifindex != right->ifindex)
		return left->ifindex < right->ifindex ? -1 : 1;
	return left->proxy - right->proxy;
}

int kernel_view_read(struct kernel_view *ret_view, struct err *err)
{
	struct kernel_view view = {};
	int r;

	/* without them all would look as if nothing were set */
	if (access(SETTINGS, X_OK) < 0)
		return err_set(err, negative_errno(),
			       SETTINGS ": %s; run `mount -t proc proc /proc`", strerror(errno));
	r = local_address_read_all(&view.local, err);
	if (r < 0)
		return r;
	if (view.local.count)
		qsort(view.local.rows, view.local.count, sizeof(*view.local.rows), local_compare);
	*ret_view = view;
	return 0;
}

void kernel_view_free(struct kernel_view *view)
{
	local_address_table_free(&view->local);
	free(view->devices);
	*view = (struct kernel_view){};
}

/* Reads a number below /proc/sys/net/ipv4/conf or ipv6/conf, of the caller's network namespace; 0
 * on an error. */
static long setting(bool v4, const char *dev, const char *name)
{
	char path[128], text[16];
	_cleanup_close_ int fd = -1;
	ssize_t length;

	snprintf(path, sizeof(path), SETTINGS "/%s/conf/%s/%s", v4 ? "ipv4" : "ipv6", dev, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	return strtol(text, NULL, 10);
}

/* The maximum of the values of "all" and the interface (IN_DEV_MAXCONF, IN_DEV_ORCONF). */
static long setting_of(bool v4, const char *dev, const char *name)
{
	long all = setting(v4, "all", name), own = setting(v4, dev, name);

	return all > own ? all : own;
}

static struct kernel_settings settings_read(bool v4, const char *dev)
{
	return (struct kernel_settings){
		.arp_ignore = v4 ? setting_of(v4, dev, "arp_ignore") : 0,
		.forwarding = setting(v4, dev, "forwarding"),
		.proxies = setting_of(v4, dev, v4 ? "proxy_arp" : "proxy_ndp"),
		.proxies_same = v4 && setting_of(v4, dev, "proxy_arp_pvlan"),
	};
}

static struct kernel_device device_read(uint32_t ifindex, const char *name)
{
	struct kernel_device device = {
		.ifindex = ifindex,
		.v4 = settings_read(true, name),
		.v6 = settings_read(false, name),
	};

	snprintf(device.name, sizeof(device.name), "%s", name);
	return device;
}

struct kernel_settings kernel_settings(struct kernel_view *view, const struct link *link, bool v4)
{
	struct kernel_device *devices, device;

	for (size_t i = 0; i < view->device_count; i++)
		if (view->devices[i].ifindex == link->ifindex)
			return v4 ? view->devices[i].v4 : view->devices[i].v6;
	device = device_read(link->ifindex, link->name);
	devices = xreallocarray(view->devices, view->device_count + 1, sizeof(*devices));
	view->devices = devices;
	devices[view->device_count++] = device;
	return v4 ? device.v4 : device.v6;
}

static bool settings_same(const struct kernel_settings *a, const struct kernel_settings *b)
{
	return a->arp_ignore == b->arp_ignore && a->forwarding == b->forwarding &&
	       a->proxies == b->proxies && a->proxies_same == b->proxies_same;
}

static bool local_same(const struct local_address *a, const struct local_address *b)
{
	return !local_compare(a, b) && a->host_scope == b->host_scope;
}

bool kernel_view_changed(const struct kernel_view *view)
{
	_cleanup_(kernel_view_free) struct kernel_view now = {};
	struct err ignored;

	if (kernel_view_read(&now, &ignored) < 0 || view->local.count != now.local.count ||
	    view->local.route_count != now.local.route_count)
		return true;
	for (size_t i = 0; i < view->local.route_count; i++)
		if (memcmp(&view->local.routes[i], &now.local.routes[i], sizeof(struct addr_range)))
			return true;
	for (size_t i = 0; i < view->local.count; i++)
		if (!local_same(&view->local.rows[i], &now.local.rows[i]))
			return true;
	for (size_t i = 0; i < view->device_count; i++) {
		const struct kernel_device *was = &view->devices[i];
		struct kernel_device is = device_read(was->ifindex, was->name);

		if (!settings_same(&was->v4, &is.v4) || !settings_same(&was->v6, &is.v6))
			return true;
	}
	return false;
}

/* Values of arp_ignore (arp_ignore() in net/ipv4/arp.c); the others are as 0, answer for all. */
enum { IGNORE_OTHER_DEVICES = 1, IGNORE_OTHER_SUBNETS = 2, IGNORE_HOST_SCOPE = 3, IGNORE_ALL = 8 };

/* The VRF that @link is or is a member of; 0: none. */
static unsigned int vrf_of(const struct link *link)
{
	if (!strcmp(link->kind, "vrf"))
		return link->ifindex;
	return strcmp(link->master_kind, "vrf") ? 0 : link->master;
}

/* Does @link's VRF look @local up? An address outside VRFs is in the table that all ask first. */
static bool vrf_has(const struct link *link, const struct local_address *local)
{
	struct err ignored;
	struct link owner;

	return link_by_ifindex(local->ifindex, &owner, &ignored) < 0 || !vrf_of(&owner) ||
	       vrf_of(&owner) == vrf_of(link);
}

bool kernel_answers_by(struct kernel_view *view, const struct link *link,
		       const struct local_address *local)
{
	bool v4 = address_is_v4(&local->address), same = local->ifindex == link->ifindex;
	struct kernel_settings settings = kernel_settings(view, link, v4);

	/* for IPv4 an entry is enough; IPv6 also needs proxy_ndp */
	if (local->proxy)
		return (same || !local->ifindex) && settings.forwarding && (v4 || settings.proxies);
	/* solicitations are answered only for the receiving interface's addresses (RFC 4861 7.2.3),
	 * and for its VRF's (ndisc_recv_ns()) */
	if (!v4)
		return same || (local->ifindex && local->ifindex == vrf_of(link));
	switch (settings.arp_ignore) {
	case IGNORE_OTHER_DEVICES:
	case IGNORE_OTHER_SUBNETS:
		return same;
	case IGNORE_HOST_SCOPE:
		return !local->host_scope && (same || vrf_has(link, local));
	case IGNORE_ALL:
		return false;
	default:
		return same || vrf_has(link, local);
	}
}

bool kernel_answers_routed(struct kernel_view *view, const struct link *link)
{
	switch (kernel_settings(view, link, true).arp_ignore) {
	case IGNORE_OTHER_DEVICES:
	case IGNORE_OTHER_SUBNETS:
	case IGNORE_HOST_SCOPE:
	case IGNORE_ALL:
		return false; /* no interface has the address */
	default:
		return true;
	}
}

const char *kernel_proxies(struct kernel_view *view, const struct link *link, bool same)
{
	struct kernel_settings settings = kernel_settings(view, link, true);

	if (!settings.forwarding || !(same ? settings.proxies_same : settings.proxies))
		return NULL;
	return same ? "proxy_arp_pvlan" : "proxy_arp";
}

static int route_cb(const struct nlmsghdr *header, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(header);
	const struct nlattr *attribute;
	uint32_t *out = data;

	mnl_attr_for_each(attribute, header, sizeof(*info))
	{
		if (mnl_attr_get_type(attribute) == RTA_OIF && info->rtm_type == RTN_UNICAST)
			*out = mnl_attr_get_u32(attribute);
	}
	return MNL_CB_STOP;
}

/* Returns the outgoing interface of the route to @address (IPv4); 0: none. */
static uint32_t route_to(const struct address *address)
{
	char buffer[128];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtmsg *info;
	uint32_t out = 0;

	header->nlmsg_type = RTM_GETROUTE;
	info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	info->rtm_family = AF_INET;
	info->rtm_dst_len = 32;
	mnl_attr_put(header, RTA_DST, 4, address->bytes + ADDRESS_V4_OFFSET);
	netlink_ask(NETLINK_ROUTE, header, route_cb, &out);
	return out;
}

static void write_why(struct kernel_view *view, const struct link *link,
		      const struct local_address *local, struct err *ret_why)
{
	const char *dev = link->name;
	char ip[INET6_ADDRSTRLEN];

	address_format(&local->address, ip);
	if (local->proxy && !local->ifindex)
		err_write(ret_why, "on %s, by a proxy entry; `arp -d %s pub` removes it", dev, ip);
	else if (local->proxy)
		err_write(ret_why,
			  "on %s, by a proxy entry; `ip neigh del proxy %s dev %s` removes it", dev,
			  ip, dev);
	else if (address_is_v4(&local->address))
		err_write(ret_why,
			  "on %s, since it is a local address and arp_ignore is %ld; put it on lo "
			  "and set net.ipv4.conf.all.arp_ignore=1 and arp_announce=2",
			  dev, kernel_settings(view, link, true).arp_ignore);
	else if (local->ifindex != link->ifindex)
		err_write(ret_why,
			  "on %s, since it is an address of its VRF's device; put it on another "
			  "interface in the VRF, such as a dummy",
			  dev);
	else
		err_write(ret_why, "on %s, where it is a local address; put it on lo", dev);
}

/* Returns the sysctl by which the kernel answers for IPv4 @address on @link, or NULL. */
static const char *proxied(struct kernel_view *view, const struct link *link,
			   const struct address *address)
{
	uint32_t out = 0;

	if (kernel_proxies(view, link, true) || kernel_proxies(view, link, false))
		out = route_to(address);
	return out ? kernel_proxies(view, link, out == link->ifindex) : NULL;
}

bool kernel_answers(struct kernel_view *view, const struct address *address,
		    const struct link *link, struct err *ret_why)
{
	const struct local_address *rows = view->local.rows;
	size_t i = SEARCH_FIRST(at, view->local.count,
				address_compare(&rows[at].address, address) < 0);
	const char *proxy;

	for (; i < view->local.count && !address_compare(&rows[i].address, address); i++) {
		if (!kernel_answers_by(view, link, &rows[i]))
			continue;
		write_why(view, link, &rows[i], ret_why);
		return true;
	}
	if (!address_is_v4(address))
		return false;
	if (local_address_routed(&view->local, address) && kernel_answers_routed(view, link)) {
		err_write(ret_why,
			  "on %s, since it is in a local route and arp_ignore is %ld; set "
			  "net.ipv4.conf.all.arp_ignore=1 and arp_announce=2",
			  link->name, kernel_settings(view, link, true).arp_ignore);
		return true;
	}
	proxy = proxied(view, link, address);
	if (proxy)
		err_write(ret_why,
			  "on %s, where %s is on; run `sysctl -w net/ipv4/conf/all/%s=0 "
			  "net/ipv4/conf/%s/%s=0`",
			  link->name, proxy, proxy, link->name, proxy);
	return proxy;
}
