// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h> /* before <linux/if.h>, which then omits the definitions they share */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <bpf/bpf.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "cleanup.h"
#include "deliver.h"
#include "device_table.h"
#include "filter.h"
#include "mac_list.h"
#include "map.h"
#include "netlink.h"

/* IFA_PROTO of our addresses; `ip address show proto 0x4c` lists them. */
#define FILTER_PROTO 0x4c

/* Room for any netlink request below. */
#define REQUEST_SIZE 256

/* Solicited-node groups are ff02::1:ff00:0/104; their MACs share 33:33:ff. */
static const uint8_t group_prefix[13] = { 0xff, 0x02, [11] = 0x01, 0xff };
static const uint8_t group_mac_prefix[3] = { 0x33, 0x33, 0xff };
static const uint8_t all_groups[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void group_mac(const uint8_t address[16], uint8_t ret_mac[ETH_ALEN])
{
	memcpy(ret_mac, group_mac_prefix, 3);
	memcpy(ret_mac + 3, address + 13, 3);
}

static void group_address(const uint8_t mac[ETH_ALEN], uint8_t ret_address[16])
{
	memcpy(ret_address, group_prefix, 13);
	memcpy(ret_address + 13, mac + 3, 3);
}

static enum filter_kind kind_of(const uint8_t mac[ETH_ALEN])
{
	if (!(mac[0] & 1))
		return FILTER_UNICAST;
	return mac_compare(mac, all_groups) ? FILTER_GROUP : FILTER_ALL_GROUPS;
}

/* Adds to @need the filters that @address, answered with @mac, needs on @link. */
static void need_add(struct mac_list *need, const struct link *link, const struct address *address,
		     const uint8_t mac[ETH_ALEN])
{
	uint8_t group[ETH_ALEN];

	if (mac_compare(mac, link->mac) != 0)
		mac_list_add(need, mac);
	if (address_is_v4(address))
		return;
	group_mac(address->bytes, group);
	mac_list_add(need, group);
}

static int need_read(const struct pins *pins, const struct link *link, struct mac_list *need,
		     struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	int r = entry_read_all(pins, link->ifindex, &table, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < table.count; i++)
		need_add(need, link, &table.rows[i].key.address, table.rows[i].head.mac);
	mac_list_sort(need);
	return 0;
}

static struct filter_key key_of(uint32_t ifindex, const uint8_t mac[ETH_ALEN])
{
	struct filter_key key = { .ifindex = ifindex };

	memcpy(key.mac, mac, ETH_ALEN);
	return key;
}

static void held_forget(const struct pins *pins, uint32_t ifindex, const uint8_t mac[ETH_ALEN])
{
	struct filter_key key = key_of(ifindex, mac);

	bpf_map_delete_elem(pins->maps.fd[MAPS_FILTERS], &key);
}

struct held_visit {
	const struct pins *pins;
	uint32_t ifindex;
	struct mac_list *list;
};

static int held_visit(const void *row, const void *kind, void *data, struct err *err)
{
	const struct held_visit *held = data;
	const struct filter_key *key = row;

	if (held->ifindex && key->ifindex != held->ifindex)
		return 0;
	if (!held->list)
		held_forget(held->pins, key->ifindex, key->mac);
	else
		mac_list_add(held->list, key->mac);
	return 0;
}

/* Adds to @list, unsorted, the filters recorded for @ifindex (0: for all); with @list NULL, deletes
 * these records. */
static int held_walk(const struct pins *pins, uint32_t ifindex, struct mac_list *list,
		     struct err *err)
{
	return map_visit(pins->maps.fd[MAPS_FILTERS], "filters", held_visit,
			 &(struct held_visit){ pins, ifindex, list }, err);
}

int filter_forget(const struct pins *pins, uint32_t ifindex, struct err *err)
{
	return held_walk(pins, ifindex, NULL, err);
}

/* The device whose filters are changed. */
struct filter {
	const struct pins *pins;
	const struct link *link;
	filter_note_fn *note;
};

/* Sends a request and waits for the acknowledgement. Returns 0 or the kernel's negative errno. */
static int send_request(struct nlmsghdr *header)
{
	header->nlmsg_flags |= NLM_F_ACK;
	return netlink_ask(NETLINK_ROUTE, header, NULL, NULL);
}

/* RTM_NEWADDR or RTM_DELADDR of the address that joins group @mac. */
static int change_address(const struct filter *filter, uint16_t type, const uint8_t mac[ETH_ALEN])
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *message;
	uint8_t address[16];

	header->nlmsg_type = type;
	if (type == RTM_NEWADDR)
		header->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->ifa_family = AF_INET6;
	message->ifa_prefixlen = 128;
	message->ifa_index = filter->link->ifindex;
	group_address(mac, address);
	mnl_attr_put(header, IFA_LOCAL, sizeof(address), address);
	/* no unicast address: no duplicate address detection, no route */
	mnl_attr_put_u32(header, IFA_FLAGS, IFA_F_MCAUTOJOIN | IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
	mnl_attr_put_u8(header, IFA_PROTO, FILTER_PROTO);
	return send_request(header);
}

/*
 * Errors that mean that the group is joined: -EEXIST, by somebody else's address; -EADDRINUSE, by
 * an address of ours that was deleted as the interface went down. The kernel stays in the group
 * then, and has no way to leave it.
 */
static int group_join(const struct filter *filter, const uint8_t mac[ETH_ALEN])
{
	int r = change_address(filter, RTM_NEWADDR, mac);

	return r == -EEXIST || r == -EADDRINUSE ? 0 : r;
}

static int joined_cb(const struct nlmsghdr *header, void *groups)
{
	const uint8_t *address = NULL;
	const struct nlattr *attribute;
	uint8_t mac[ETH_ALEN];
	bool wanted = header->nlmsg_type == RTM_GETMULTICAST;

	mnl_attr_for_each(attribute, header, sizeof(struct ifaddrmsg))
	{
		uint16_t type = mnl_attr_get_type(attribute);

		if (type == IFA_PROTO)
			wanted = mnl_attr_get_u8(attribute) == FILTER_PROTO;
		else if ((type == IFA_ADDRESS || type == IFA_MULTICAST) &&
			 mnl_attr_get_payload_len(attribute) == 16)
			address = mnl_attr_get_payload(attribute);
	}
	if (!wanted || !address || memcmp(address, group_prefix, sizeof(group_prefix)) != 0)
		return MNL_CB_OK;
	group_mac(address, mac);
	mac_list_add(groups, mac);
	return MNL_CB_OK;
}

/* Reads the groups that our addresses on @ifindex join (@type RTM_GETADDR), or that it is in,
 * whoever joined them (RTM_GETMULTICAST). */
static int joined_read(uint16_t type, uint32_t ifindex, struct mac_list *groups)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *message;
	int r;

	header->nlmsg_type = type;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->ifa_family = AF_INET6;
	message->ifa_index = ifindex;
	r = netlink_dump(header, joined_cb, groups);
	mac_list_sort(groups);
	/* without IPv6 on the interface, or in the kernel, no group is joined */
	return r == -ENODEV || r == -EOPNOTSUPP ? 0 : r;
}

/*
 * Adds @mac to the device's unicast filter, or removes it; the kernel sets a device without such a
 * filter to promiscuous. -EEXIST: somebody else added it.
 */
static int change_unicast(const struct filter *filter, bool add, const uint8_t mac[ETH_ALEN])
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ndmsg *message;

	header->nlmsg_type = add ? RTM_NEWNEIGH : RTM_DELNEIGH;
	if (add)
		header->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->ndm_family = AF_BRIDGE;
	message->ndm_ifindex = filter->link->ifindex;
	message->ndm_state = NUD_PERMANENT;
	message->ndm_flags = NTF_SELF;
	mnl_attr_put(header, NDA_LLADDR, ETH_ALEN, mac);
	return send_request(header);
}

/*
 * Adds @mac to the device's multicast filter, or removes it. By ioctl, which refcounts it apart
 * from the kernel's own memberships: RTM_NEWNEIGH fails if IPv6 has joined the group, and
 * RTM_DELNEIGH removes IPv6's entry.
 */
static int change_group(const struct filter *filter, bool add, const uint8_t mac[ETH_ALEN])
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_hwaddr.sa_family = AF_UNSPEC };

	memcpy(request.ifr_name, filter->link->name, IFNAMSIZ);
	memcpy(request.ifr_hwaddr.sa_data, mac, ETH_ALEN);
	if (fd < 0 || ioctl(fd, add ? SIOCADDMULTI : SIOCDELMULTI, &request) < 0)
		return negative_errno();
	return 0;
}

static int change_all_groups(const struct filter *filter, bool add, const uint8_t mac[ETH_ALEN])
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *message;

	if (add && (filter->link->flags & IFF_ALLMULTI))
		return -EEXIST;
	header->nlmsg_type = RTM_SETLINK;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->ifi_index = filter->link->ifindex;
	message->ifi_flags = add ? IFF_ALLMULTI : 0;
	message->ifi_change = IFF_ALLMULTI;
	return send_request(header);
}

static const struct {
	int (*change)(const struct filter *filter, bool add, const uint8_t mac[ETH_ALEN]);
	const char *remedy; /* for `ip link set`, if it fails */
} kinds[] = {
	[FILTER_UNICAST] = { change_unicast, "promisc on" },
	[FILTER_GROUP] = { change_group, "allmulticast on" },
	[FILTER_ALL_GROUPS] = { change_all_groups, "promisc on" },
};

/* Records the filter before it is set, so that it is removed later even if killed in between. */
static void filter_set(const struct filter *filter, const uint8_t mac[ETH_ALEN], bool *ret_new)
{
	struct filter_key key = key_of(filter->link->ifindex, mac);
	char text[MAC_TEXT_SIZE];
	uint32_t kind = kind_of(mac);
	int r = 0;

	if (bpf_map_update_elem(filter->pins->maps.fd[MAPS_FILTERS], &key, &kind, BPF_NOEXIST) < 0)
		r = negative_errno();
	*ret_new = !r;
	if (!r || r == -EEXIST)
		r = kinds[kind].change(filter, true, mac);
	/* -EEXIST without a record of ours: somebody else's, who removes it */
	if (*ret_new && r < 0)
		held_forget(filter->pins, filter->link->ifindex, mac);
	if (r < 0 && r != -EEXIST)
		filter->note(
			"%s: can't add %s to the interface's filter, so frames to that MAC may "
			"not arrive: %s; `ip link set %s %s` lets them in",
			filter->link->name, mac_format(mac, text), strerror(-r), filter->link->name,
			kinds[kind].remedy);
}

static void filter_unset(const struct filter *filter, const uint8_t mac[ETH_ALEN])
{
	kinds[kind_of(mac)].change(filter, false, mac);
	held_forget(filter->pins, filter->link->ifindex, mac);
}

static const char *join_error(int error)
{
	switch (error) {
	case -EACCES:
		return "IPv6 is disabled there";
	case -ENOMEM:
	case -ENOBUFS:
		return "the kernel joins no more (net.core.optmem_max is too small)";
	default:
		return strerror(-error);
	}
}

/*
 * Leaves groups that aren't in @need and joins those that are. If one can't be joined, the others
 * aren't tried, since they would fail, too: returns its error, and adds it and them to @unjoined.
 */
static int sync_groups(const struct filter *filter, const struct mac_list *need,
		       const struct mac_list *joined, struct mac_list *unjoined)
{
	int r = 0;

	/* leave first: joining may need the memory that is freed */
	for (size_t i = 0; i < joined->count; i++)
		if (!mac_list_has(need, joined->macs[i]))
			change_address(filter, RTM_DELADDR, joined->macs[i]);
	for (size_t i = 0; i < need->count; i++) {
		const uint8_t *mac = need->macs[i];

		if (kind_of(mac) != FILTER_GROUP || mac_list_has(joined, mac))
			continue;
		if (!r)
			r = group_join(filter, mac);
		if (r)
			mac_list_add(unjoined, mac);
	}
	return r;
}

static void note_unjoined(const struct filter *filter, size_t count, int error)
{
	filter->note("%s: %zu solicited-node group%s not joined: %s; %s, but switches that snoop "
		     "MLD may not forward their frames",
		     filter->link->name, count, count == 1 ? " is" : "s are", join_error(error),
		     count > FILTER_MAX_GROUPS ? "the interface accepts all multicast instead"
					       : "the interface accepts their frames");
}

/* Sets the filters of @need, and removes others from @joined and @held, which we set before. */
static void sync_lists(const struct filter *filter, const struct mac_list *need,
		       const struct mac_list *joined, const struct mac_list *held)
{
	_cleanup_(mac_list_free) struct mac_list keep = {};
	bool is_new, fell_back = false;
	size_t unjoined;
	struct err err;
	int failed = sync_groups(filter, need, joined, &keep);

	unjoined = keep.count;
	if (unjoined > FILTER_MAX_GROUPS) {
		keep.count = 0;
		mac_list_add(&keep, all_groups);
	}
	for (size_t i = 0; i < need->count; i++)
		if (kind_of(need->macs[i]) == FILTER_UNICAST)
			mac_list_add(&keep, need->macs[i]);
	mac_list_sort(&keep);
	for (size_t i = 0; i < keep.count; i++) {
		filter_set(filter, keep.macs[i], &is_new);
		fell_back |= is_new && kind_of(keep.macs[i]) != FILTER_UNICAST;
	}
	for (size_t i = 0; i < held->count; i++)
		if (!mac_list_has(&keep, held->macs[i]))
			filter_unset(filter, held->macs[i]);
	if (deliver_sync(filter->pins, filter->link, &keep, held, &err) < 0)
		filter->note("%s; the kernel drops frames sent to virtual MACs", err.text);
	if (fell_back)
		note_unjoined(filter, unjoined, failed);
}

/* Reads the groups (joined_read()) and the other filters that we set on @ifindex. */
static int set_read(const struct pins *pins, uint16_t type, uint32_t ifindex,
		    struct mac_list *joined, struct mac_list *held, struct err *err)
{
	int r = joined_read(type, ifindex, joined);

	if (r < 0)
		return err_set(err, r, "reading the groups of interface number %u: %s", ifindex,
			       strerror(-r));
	return held_walk(pins, ifindex, held, err);
}

static int sync_device(const struct pins *pins, uint32_t ifindex, bool if_ours,
		       filter_note_fn *note, struct err *err)
{
	_cleanup_(mac_list_free) struct mac_list need = {}, joined = {}, held = {};
	struct link link;
	int r = link_by_ifindex(ifindex, &link, err);

	if (r == -ENODEV)
		return filter_forget(pins, ifindex, err);
	if (r < 0)
		return r;
	/* the filters went with the interface that had them */
	if (device_is_reused(pins, &link))
		return filter_forget(pins, ifindex, err);
	r = set_read(pins, RTM_GETADDR, ifindex, &joined, &held, err);
	if (r < 0 || (if_ours && !joined.count && !held.count))
		return r;
	r = need_read(pins, &link, &need, err);
	if (r < 0 || (!need.count && !joined.count && !held.count))
		return r;
	sync_lists(&(struct filter){ pins, &link, note }, &need, &joined, &held);
	return 0;
}

int filter_count_left(const struct pins *pins, const struct link *link, size_t *ret_count,
		      struct err *err)
{
	_cleanup_(mac_list_free) struct mac_list need = {}, joined = {}, held = {};
	int r = need_read(pins, link, &need, err);

	if (!r)
		r = set_read(pins, RTM_GETMULTICAST, link->ifindex, &joined, &held, err);
	mac_list_sort(&held);
	*ret_count = 0;
	for (size_t i = 0; !r && i < need.count; i++)
		*ret_count += kind_of(need.macs[i]) == FILTER_GROUP &&
			      !mac_list_has(&joined, need.macs[i]) &&
			      !mac_list_has(&held, need.macs[i]) &&
			      !mac_list_has(&held, all_groups);
	return r;
}

static int note_failed(filter_note_fn *note, int error, const struct err *err)
{
	note("can't set the filters, so frames for the addresses may not arrive: %s", err->text);
	return error;
}

static int sync_or_note(const struct pins *pins, uint32_t ifindex, bool if_ours,
			filter_note_fn *note)
{
	struct err err;
	int r = sync_device(pins, ifindex, if_ours, note, &err);

	return r < 0 ? note_failed(note, r, &err) : 0;
}

int filter_sync(const struct pins *pins, uint32_t ifindex, filter_note_fn *note)
{
	return sync_or_note(pins, ifindex, false, note);
}

int filter_sync_all(const struct pins *pins, filter_note_fn *note)
{
	struct device_table devices;
	struct err err;
	int r = device_read_all(pins, &devices, &err);

	if (r < 0)
		return note_failed(note, r, &err);
	for (unsigned int i = 0; i < devices.count; i++)
		r = filter_sync(pins, devices.rows[i].ifindex, note) ?: r;
	return r;
}

void filter_added(const struct pins *pins, const struct link *link,
		  const struct entry_wanted *wanted, size_t count, filter_note_fn *note)
{
	for (size_t i = 0; i < count; i++)
		if (wanted[i].key.ifindex == link->ifindex &&
		    (!address_is_v4(&wanted[i].key.address) ||
		     mac_compare(wanted[i].head.mac, link->mac) != 0)) {
			filter_sync(pins, link->ifindex, note);
			return;
		}
}

void filter_deleted(const struct pins *pins, uint32_t ifindex, filter_note_fn *note)
{
	sync_or_note(pins, ifindex, true, note);
}
