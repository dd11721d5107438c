// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "cleanup.h"
#include "kernel.h"

#define MESSAGE_SIZE 32768

/* An address on an interface, or a proxy entry for it. */
struct known {
	struct address address;
	uint32_t ifindex;
	bool proxy;
	bool host_scope;
};

/* arp_ignore and proxy_arp of one interface, read once. */
struct device_setting {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	long arp_ignore, proxy_arp;
};

struct kernel_view {
	struct known *list;
	size_t count;
	struct device_setting *settings;
	size_t setting_count;
};

static int known_add(struct kernel_view *view, const struct known *known)
{
	struct known *list = reallocarray(view->list, view->count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	view->list = list;
	list[view->count++] = *known;
	return 0;
}

static void take_bytes(const struct nlattr *attribute, struct address *address)
{
	uint16_t length = mnl_attr_get_payload_len(attribute);
	__be32 ip4;

	if (length == sizeof(ip4)) {
		memcpy(&ip4, mnl_attr_get_payload(attribute), sizeof(ip4));
		*address = address_from_ip4(ip4);
	} else if (length == sizeof(address->bytes)) {
		memcpy(address->bytes, mnl_attr_get_payload(attribute), length);
	}
}

static int address_cb(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct known known = { .ifindex = info->ifa_index,
			       .host_scope = info->ifa_scope == RT_SCOPE_HOST };
	const struct nlattr *attribute, *found = NULL;

	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		/* with a peer, IFA_ADDRESS is the peer's */
		if (mnl_attr_get_type(attribute) == IFA_LOCAL ||
		    (mnl_attr_get_type(attribute) == IFA_ADDRESS && !found))
			found = attribute;
	}
	if (found)
		take_bytes(found, &known.address);
	return !found || !known_add(data, &known) ? MNL_CB_OK : MNL_CB_ERROR;
}

static int neighbour_cb(const struct nlmsghdr *message, void *data)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(message);
	struct known known = { .ifindex = info->ndm_ifindex, .proxy = true };
	const struct nlattr *attribute;
	bool found = false;

	if (!(info->ndm_flags & NTF_PROXY))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attribute) != NDA_DST)
			continue;
		take_bytes(attribute, &known.address);
		found = true;
	}
	return !found || !known_add(data, &known) ? MNL_CB_OK : MNL_CB_ERROR;
}

static void cleanup_mnl_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

/* A dump of @type, whose messages begin with @header_size bytes; of proxy entries if @proxy. */
static int dump(struct kernel_view *view, uint16_t type, size_t header_size, bool proxy,
		mnl_cb_t callback)
{
	_cleanup_(cleanup_mnl_socket) struct mnl_socket *socket =
		mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	_cleanup_free_ char *buffer = malloc(MESSAGE_SIZE);
	struct nlmsghdr *header;
	ssize_t length;
	int r = MNL_CB_OK;
	void *info;

	if (!socket || !buffer || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return negative_errno();
	header = mnl_nlmsg_put_header(buffer);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = 1;
	info = mnl_nlmsg_put_extra_header(header, header_size);
	if (proxy)
		((struct ndmsg *)info)->ndm_flags = NTF_PROXY;
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return negative_errno();
	while (r > MNL_CB_STOP) {
		length = mnl_socket_recvfrom(socket, buffer, MESSAGE_SIZE);
		if (length < 0)
			return negative_errno();
		r = mnl_cb_run(buffer, length, 1, mnl_socket_get_portid(socket), callback, view);
	}
	return r < 0 ? negative_errno() : 0;
}

static int known_compare(const void *a, const void *b)
{
	const struct known *left = a, *right = b;
	int order = address_compare(&left->address, &right->address);

	if (order)
		return order;
	return left->ifindex < right->ifindex ? -1 : left->ifindex > right->ifindex;
}

int kernel_view_new(struct kernel_view **ret_view, struct err *err)
{
	struct kernel_view *view = calloc(1, sizeof(*view));
	int r = view ? 0 : -ENOMEM;

	if (!r)
		r = dump(view, RTM_GETADDR, sizeof(struct ifaddrmsg), false, address_cb);
	if (!r)
		r = dump(view, RTM_GETNEIGH, sizeof(struct ndmsg), true, neighbour_cb);
	if (r < 0) {
		kernel_view_free(view);
		return err_set(err, r, "asking for the node's own addresses: %s", strerror(-r));
	}
	if (view->count)
		qsort(view->list, view->count, sizeof(*view->list), known_compare);
	*ret_view = view;
	return 0;
}

void kernel_view_free(struct kernel_view *view)
{
	if (!view)
		return;
	free(view->settings);
	free(view->list);
	free(view);
}

/* A number below /proc/sys/net/ipv4/conf; 0 where it can't be read. This one does follow the
 * network namespace of whoever opens it. */
static long setting(const char *dev, const char *name)
{
	char path[128], text[16];
	_cleanup_close_ int fd = -1;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", dev, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	return strtol(text, NULL, 10);
}

/* As the kernel combines all and the interface's own: the larger arp_ignore (IN_DEV_MAXCONF),
 * either proxy_arp (IN_DEV_ORCONF). */
static struct device_setting settings_of(struct kernel_view *view, uint32_t ifindex,
					 const char *dev)
{
	struct device_setting *grown, read_now = { .ifindex = ifindex };
	long all, own;

	for (size_t i = 0; i < view->setting_count; i++)
		if (view->settings[i].ifindex == ifindex)
			return view->settings[i];
	snprintf(read_now.name, sizeof(read_now.name), "%s", dev);
	all = setting("all", "arp_ignore");
	own = setting(dev, "arp_ignore");
	read_now.arp_ignore = all > own ? all : own;
	read_now.proxy_arp = setting("all", "proxy_arp") || setting(dev, "proxy_arp");
	grown = reallocarray(view->settings, view->setting_count + 1, sizeof(*grown));
	if (grown) {
		view->settings = grown;
		grown[view->setting_count++] = read_now;
	}
	return read_now;
}

bool kernel_view_changed(const struct kernel_view *view)
{
	struct kernel_view *now = NULL;
	struct err ignored;
	bool changed;

	if (kernel_view_new(&now, &ignored) < 0)
		return true;
	changed = view->count != now->count ||
		  (view->count && memcmp(view->list, now->list, view->count * sizeof(*view->list)));
	for (size_t i = 0; i < view->setting_count && !changed; i++) {
		struct device_setting was = view->settings[i];
		struct device_setting is = settings_of(now, was.ifindex, was.name);

		changed = was.arp_ignore != is.arp_ignore || was.proxy_arp != is.proxy_arp;
	}
	kernel_view_free(now);
	return changed;
}

/* Does arp_ignore let the kernel answer on @ifindex for a local address that @known is? */
static bool arp_answers(const struct known *known, uint32_t ifindex, long arp_ignore)
{
	switch (arp_ignore) {
	case 0:
		return true;
	case 3:
		return !known->host_scope;
	case 8:
		return false;
	default: /* 1, and 2 for senders of its subnet */
		return known->ifindex == ifindex;
	}
}

/* The interface that the kernel would reach @address by, or 0: proxy_arp answers where that is
 * another one than the request's. */
static uint32_t route_to(const struct address *address)
{
	_cleanup_(cleanup_mnl_socket) struct mnl_socket *socket =
		mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char buffer[4096];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	const struct nlattr *attribute;
	struct rtmsg *info;
	ssize_t length;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return 0;
	header->nlmsg_type = RTM_GETROUTE;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = 1;
	info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	info->rtm_family = AF_INET;
	info->rtm_dst_len = 32;
	mnl_attr_put_u32(header, RTA_DST, address_ip4(address));
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return 0;
	length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	header = (struct nlmsghdr *)buffer;
	if (length < (ssize_t)sizeof(*header) || header->nlmsg_type != RTM_NEWROUTE)
		return 0;
	info = mnl_nlmsg_get_payload(header);
	mnl_attr_for_each(
		attribute, header,
		sizeof(*info)) if (mnl_attr_get_type(attribute) == RTA_OIF &&
				   info->rtm_type ==
					   RTN_UNICAST) return mnl_attr_get_u32(attribute);
	return 0;
}

/* The first of @address's rows, or the end. */
static const struct known *known_first(const struct kernel_view *view,
				       const struct address *address)
{
	size_t first = 0, last = view->count;

	while (first < last) {
		size_t middle = (first + last) / 2;

		if (address_compare(&view->list[middle].address, address) < 0)
			first = middle + 1;
		else
			last = middle;
	}
	return view->list + first;
}

bool kernel_answers(struct kernel_view *view, const struct address *address, uint32_t ifindex,
		    const char *dev, struct err *ret_why)
{
	const struct known *known = known_first(view, address), *end = view->list + view->count;
	struct device_setting settings = {};
	char ip[INET6_ADDRSTRLEN];
	uint32_t out;

	address_format(address, ip);
	if (address_is_v4(address))
		settings = settings_of(view, ifindex, dev);
	for (; known < end && !address_compare(&known->address, address); known++) {
		bool answers = known->ifindex == ifindex;

		if (!known->proxy && address_is_v4(address))
			answers = arp_answers(known, ifindex, settings.arp_ignore);
		if (!answers)
			continue;
		if (known->proxy)
			err_write(ret_why,
				  "%s: the kernel would answer for it on %s, by a proxy entry; `ip "
				  "neigh del proxy %s dev %s` removes it",
				  ip, dev, ip, dev);
		else if (address_is_v4(address))
			err_write(ret_why,
				  "%s: the kernel would answer for it on %s, since it is a local "
				  "address and arp_ignore is %ld; put it on lo and set "
				  "net.ipv4.conf.all.arp_ignore=1 and arp_announce=2",
				  ip, dev, settings.arp_ignore);
		else
			err_write(ret_why,
				  "%s: the kernel would answer for it on %s, where it is a local "
				  "address; put it on lo",
				  ip, dev);
		return true;
	}
	out = settings.proxy_arp ? route_to(address) : 0;
	if (!out || out == ifindex)
		return false;
	err_write(ret_why,
		  "%s: the kernel would answer for it on %s, since proxy_arp is set there; set "
		  "net.ipv4.conf.%s.proxy_arp=0",
		  ip, dev, dev);
	return true;
}
