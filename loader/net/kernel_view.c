// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/rtnetlink.h>

#include "alloc.h"
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
	       a->proxies == b->proxies;
}

static bool local_same(const struct local_address *a, const struct local_address *b)
{
	return !local_compare(a, b) && a->host_scope == b->host_scope;
}

bool kernel_view_changed(const struct kernel_view *view)
{
	_cleanup_(kernel_view_free) struct kernel_view now = {};
	struct err ignored;

	if (kernel_view_read(&now, &ignored) < 0 || view->local.count != now.local.count)
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

bool kernel_answers_by(struct kernel_view *view, const struct link *link,
		       const struct local_address *local)
{
	bool v4 = address_is_v4(&local->address), same = local->ifindex == link->ifindex;
	struct kernel_settings settings = kernel_settings(view, link, v4);

	/* for IPv4 an entry is enough; IPv6 also needs proxy_ndp */
	if (local->proxy)
		return same && settings.forwarding && (v4 || settings.proxies);
	/* solicitations are answered only for the receiving interface's addresses (RFC 4861 7.2.3)
	 */
	if (!v4)
		return same;
	switch (settings.arp_ignore) {
	case 0:
		return true;
	case 3:
		return !local->host_scope;
	case 8:
		return false;
	default: /* 1, and 2 for senders in its subnet */
		return same;
	}
}

bool kernel_proxies(struct kernel_view *view, const struct link *link)
{
	struct kernel_settings settings = kernel_settings(view, link, true);

	return settings.forwarding && settings.proxies;
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

/* Returns the first row of @address; if there is none, another row or the end. */
static const struct local_address *local_first(const struct local_address_table *table,
					       const struct address *address)
{
	size_t first = 0, last = table->count;

	while (first < last) {
		size_t middle = (first + last) / 2;

		if (address_compare(&table->rows[middle].address, address) < 0)
			first = middle + 1;
		else
			last = middle;
	}
	return table->rows + first;
}

static void write_why(struct kernel_view *view, const struct link *link,
		      const struct local_address *local, struct err *ret_why)
{
	const char *dev = link->name;
	char ip[INET6_ADDRSTRLEN];

	address_format(&local->address, ip);
	if (local->proxy)
		err_write(ret_why,
			  "on %s, by a proxy entry; `ip neigh del proxy %s dev %s` removes it", dev,
			  ip, dev);
	else if (address_is_v4(&local->address))
		err_write(ret_why,
			  "on %s, since it is a local address and arp_ignore is %ld; put it on lo "
			  "and set net.ipv4.conf.all.arp_ignore=1 and arp_announce=2",
			  dev, kernel_settings(view, link, true).arp_ignore);
	else
		err_write(ret_why, "on %s, where it is a local address; put it on lo", dev);
}

bool kernel_answers(struct kernel_view *view, const struct address *address,
		    const struct link *link, struct err *ret_why)
{
	const struct local_address *local = local_first(&view->local, address);
	const struct local_address *end = view->local.rows + view->local.count;
	uint32_t out = 0;

	for (; local < end && !address_compare(&local->address, address); local++) {
		if (!kernel_answers_by(view, link, local))
			continue;
		write_why(view, link, local, ret_why);
		return true;
	}
	if (address_is_v4(address) && kernel_proxies(view, link))
		out = route_to(address);
	if (!out || out == link->ifindex)
		return false;
	err_write(ret_why,
		  "on %s, where proxy_arp is on; run `sysctl -w net/ipv4/conf/all/proxy_arp=0 "
		  "net/ipv4/conf/%s/proxy_arp=0`",
		  link->name, link->name);
	return true;
}
