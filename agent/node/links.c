// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h> /* before <linux/if.h>, which then leaves its part out */
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include "alloc.h"
#include "binary_search.h"
#include "cleanup.h"
#include "clock.h"
#include "links.h"
#include "local_address.h"
#include "loop.h"
#include "netlink.h"

#define MESSAGE_SIZE 32768
/* If a burst of notifications exceeds this, the socket reports ENOBUFS and we read everything
 * again.
 */
#define RECEIVE_BUFFER (1 << 20)
/* Retry interval after reading everything has failed, perhaps because an interface changed. */
#define AGAIN_USEC 100000

struct links {
	struct links_table table;
	struct mnl_socket *socket;
	sd_event_source *io;
	sd_event_source *flap;	/* end of the flap caused by our own attach */
	sd_event_source *again; /* read everything again */
	links_changed_fn *changed;
	links_moved_fn *moved;
	void *userdata;
	uint64_t dumps;
	bool dirty;    /* changed since the last callback */
	bool any_left; /* of all rows, as group_left */
};

const struct links_row *links_find(const struct links_table *table, uint32_t ifindex)
{
	size_t first = SEARCH_FIRST(at, table->count, table->rows[at].link.ifindex < ifindex);

	return first < table->count && table->rows[first].link.ifindex == ifindex
		       ? &table->rows[first]
		       : NULL;
}

bool links_has_mac(const struct links_table *table, const uint8_t mac[ETH_ALEN])
{
	/* lo's MAC is zero, which other hosts may well use as a source */
	for (size_t i = 0; i < table->count; i++)
		if (table->rows[i].link.ethernet && !memcmp(table->rows[i].link.mac, mac, ETH_ALEN))
			return true;
	return false;
}

const struct links_table *links_table(const struct links *links)
{
	return &links->table;
}

/* VRF members are ordinary routed ports. Members of bonds, bridges and teams aren't suitable, since
 * their master receives their frames. */
static bool link_suitable(const struct link *link)
{
	static const uint8_t zero[ETH_ALEN];
	bool slave = link->master && strcmp(link->master_kind, "vrf") != 0;

	return link->ethernet && memcmp(link->mac, zero, ETH_ALEN) && !slave &&
	       !(link->flags & (IFF_LOOPBACK | IFF_NOARP | IFF_POINTOPOINT));
}

/* IFF_LOWER_UP, because IFF_RUNNING is set later, with operstate. */
static bool link_carrier(const struct link *link)
{
	return (link->flags & IFF_UP) && (link->flags & IFF_LOWER_UP);
}

/* Has @row lost its carrier only because we have just attached our program? Then a timer waits for
 * the end of the flap. */
static bool own_flap(struct links *links, const struct links_row *row)
{
	uint64_t end = row->attached_at_ns + LINKS_FLAP_NS;

	return row->attached_at_ns && clock_boot_ns() < end && links->flap &&
	       row->link.flags & IFF_UP && loop_timer_at(links->flap, end) >= 0;
}

static void row_update(struct links *links, struct links_row *row, const struct link *link)
{
	struct links_row fresh = { .link = *link,
				   .suitable = link_suitable(link),
				   .carrier = link_carrier(link),
				   .group_left = row->group_left,
				   .attached_at_ns = row->attached_at_ns,
				   .dump = links->dumps };

	if (row->carrier && !fresh.carrier)
		fresh.carrier = own_flap(links, &fresh);
	if (row->suitable != fresh.suitable || row->carrier != fresh.carrier ||
	    strcmp(row->link.name, link->name) != 0 ||
	    memcmp(row->link.mac, link->mac, ETH_ALEN) != 0 || !row->link.xdp_id != !link->xdp_id)
		links->dirty = true;
	*row = fresh;
}

static void notify_changes(struct links *links)
{
	if (!links->dirty)
		return;
	links->dirty = false;
	links->changed(links->userdata);
}

static int flap_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct links *links = userdata;

	for (size_t i = 0; i < links->table.count; i++) {
		struct links_row *row = &links->table.rows[i];

		row_update(links, row, &row->link);
	}
	notify_changes(links);
	return 0;
}

static void links_set(struct links *links, const struct link *link)
{
	struct links_table *table = &links->table;
	struct links_row *rows;
	size_t at = 0;

	while (at < table->count && table->rows[at].link.ifindex < link->ifindex)
		at++;
	if (at < table->count && table->rows[at].link.ifindex == link->ifindex) {
		row_update(links, &table->rows[at], link);
		return;
	}
	rows = xreallocarray(table->rows, table->count + 1, sizeof(*rows));
	memmove(rows + at + 1, rows + at, (table->count - at) * sizeof(*rows));
	rows[at] = (struct links_row){};
	table->rows = rows;
	table->count++;
	row_update(links, &rows[at], link);
	links->dirty = true;
}

static void links_remove(struct links *links, uint32_t ifindex)
{
	struct links_table *table = &links->table;
	struct links_row *row = (struct links_row *)links_find(table, ifindex);

	if (!row)
		return;
	memmove(row, row + 1, (table->rows + table->count - row - 1) * sizeof(*row));
	table->count--;
	links->dirty = true;
}

/* Removes interfaces that weren't in the last dump. */
static void links_prune(struct links *links)
{
	struct links_table *table = &links->table;
	size_t kept = 0;

	for (size_t i = 0; i < table->count; i++)
		if (table->rows[i].dump == links->dumps)
			table->rows[kept++] = table->rows[i];
	links->dirty = links->dirty || kept < table->count;
	table->count = kept;
}

static void address_changed(struct links *links, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct links_row *row = (struct links_row *)links_find(&links->table, info->ifa_index);

	if (!local_address_is_group(message))
		links->dirty = true;
	else if (row && message->nlmsg_type == RTM_DELADDR)
		row->group_left = true;
}

void links_take_left(struct links *links, links_left_fn *left, void *userdata)
{
	if (links->any_left)
		left(0, userdata);
	links->any_left = false;
	for (size_t i = 0; i < links->table.count; i++) {
		struct links_row *row = &links->table.rows[i];

		if (row->group_left)
			left(row->link.ifindex, userdata);
		row->group_left = false;
	}
}

static int message_cb(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct links *links = data;
	struct link link;

	switch (message->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		address_changed(links, message);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		/* AF_BRIDGE messages: their RTM_DELLINK means only that a port left its bridge */
		if (info->ifi_family != AF_UNSPEC)
			break;
		link_from_message(message, &link);
		if (message->nlmsg_type == RTM_NEWLINK)
			links_set(links, &link);
		else
			links_remove(links, link.ifindex);
		/* a VLAN device has messages of its own */
		if (link.event == IFLA_EVENT_NOTIFY_PEERS ||
		    link.event == IFLA_EVENT_BONDING_FAILOVER)
			links->moved(link.ifindex, links->userdata);
		break;
	}
	return MNL_CB_OK;
}

/* Reads all interfaces, on another socket than the notifications'. On error, removes none. */
static int links_dump(struct links *links)
{
	char buffer[64];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	int r;

	header->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	links->dumps++;
	r = netlink_dump(header, message_cb, links);
	if (!r)
		links_prune(links);
	return r;
}

static int read_anew(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct links *links = userdata;

	if (links_dump(links) < 0)
		loop_timer_after(source, AGAIN_USEC);
	/* addresses may have changed as well */
	links->dirty = true;
	links->any_left = true;
	notify_changes(links);
	return 0;
}

static int links_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	_cleanup_free_ char *buffer = xmalloc(MESSAGE_SIZE);
	struct links *links = userdata;
	ssize_t length;

	while ((length = recv(fd, buffer, MESSAGE_SIZE, MSG_DONTWAIT)) > 0)
		mnl_cb_run(buffer, length, 0, 0, message_cb, links);
	if (length < 0 && errno == ENOBUFS)
		/* it isn't known which notifications were lost */
		read_anew(links->again, 0, links);
	notify_changes(links);
	return 0;
}

static int links_follow(struct links *links, sd_event *event)
{
	unsigned int groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
	int size = RECEIVE_BUFFER, r;

	links->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!links->socket || mnl_socket_bind(links->socket, groups, MNL_SOCKET_AUTOPID) < 0)
		return negative_errno();
	/* fails without CAP_NET_ADMIN, then the default size is used */
	setsockopt(mnl_socket_get_fd(links->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
		   sizeof(size));
	r = loop_timer_new(event, LOOP_NEVER, read_anew, links, &links->again);
	if (r >= 0)
		r = loop_timer_new(event, LOOP_NEVER, flap_over, links, &links->flap);
	if (r >= 0)
		r = sd_event_add_io(event, &links->io, mnl_socket_get_fd(links->socket), EPOLLIN,
				    links_io, links);
	return r < 0 ? r : 0;
}

int links_new(sd_event *event, links_changed_fn *changed, links_moved_fn *moved, void *userdata,
	      struct links **ret_links, struct err *err)
{
	struct links *links = xcalloc(1, sizeof(*links));
	int r;

	links->changed = changed;
	links->moved = moved;
	links->userdata = userdata;
	r = event ? links_follow(links, event) : 0;
	if (!r)
		r = links_dump(links);
	if (r < 0) {
		links_free(links);
		return err_set(err, r, "asking for the interfaces: %s", strerror(-r));
	}
	links->dirty = false;
	*ret_links = links;
	return 0;
}

void links_free(struct links *links)
{
	if (!links)
		return;
	sd_event_source_disable_unref(links->flap);
	sd_event_source_disable_unref(links->again);
	sd_event_source_disable_unref(links->io);
	if (links->socket)
		mnl_socket_close(links->socket);
	free(links->table.rows);
	free(links);
}

void links_attaching(struct links *links, uint32_t ifindex)
{
	struct links_row *row = (struct links_row *)links_find(&links->table, ifindex);

	if (row)
		row->attached_at_ns = clock_boot_ns();
}
