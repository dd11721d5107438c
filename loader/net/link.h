/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads interfaces of the caller's network namespace by rtnetlink; under nsenter, /sys/class/net
 * may show those of another one.
 */
#ifndef XDP_L2RESP_LINK_H
#define XDP_L2RESP_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <net/if.h>
#include <linux/if_ether.h>

#include "err.h"

struct link {
	unsigned int ifindex;
	unsigned int flags; /* IFF_* */
	unsigned int mtu;
	uint32_t xdp_id; /* of the XDP program in native or skb mode; 0: none */
	bool native;	 /* that program is in native mode, and no other is offloaded */
	bool ethernet;	 /* ARPHRD_ETHER */
	uint8_t mac[ETH_ALEN];
	char name[IFNAMSIZ];
	char kind[16];		/* "veth", "vlan", "bond"...; empty for a NIC */
	unsigned int parent;	/* a VLAN device's parent, a veth's peer; 0: none */
	int parent_nsid;	/* id of the namespace that parent is in; -1: the caller's */
	uint16_t vid;		/* of a VLAN device, else 0 */
	uint16_t vlan_protocol; /* 0x8100 or 0x88a8, host byte order */
	unsigned int master;	/* its bond, bridge, team or VRF; 0: none */
	char master_kind[16];	/* master's kind */
	uint32_t event;		/* of a notification: IFLA_EVENT_*, else 0 */
};

/* True if @link is up and has a carrier. */
static inline bool link_is_up(const struct link *link)
{
	return (link->flags & IFF_UP) && (link->flags & IFF_RUNNING);
}

static inline bool link_is_vlan(const struct link *link)
{
	return link->vid;
}

/*
 * True if XDP on @link sees no outer VLAN tag, whatever the offloads are: its frames come from a
 * port or a lower device, where the kernel takes the tag off before it hands them on
 * (__netif_receive_skb_core(): skb_vlan_untag(), then rx_handler). A native program on a bond runs
 * on its ports, before that.
 */
bool link_hides_tags(const struct link *link);

/* Reads the bond or team that @link is a port of: each request comes in on one of the ports, so the
 * program belongs on the master. False: it is no such port. */
bool link_lag_master(const struct link *link, struct link *ret_master);

/* True if @link is a VLAN device whose parent hides tags. */
bool link_parent_hides_tags(const struct link *link);

/* Finds an interface by its name or an alternative name (ip-link(8), altname). Returns 0, -ENODEV
 * or another negative errno with @err; @ret_link is untouched on failure. */
int link_by_name(const char *name, struct link *ret_link, struct err *err);

/* Finds an interface by its index; returns as link_by_name(). */
int link_by_ifindex(unsigned int ifindex, struct link *ret_link, struct err *err);

/* True if interface @ifindex was deleted, or has left the network namespace. */
bool link_is_gone(unsigned int ifindex);

/*
 * Reads the peer of veth @link, also in another namespace. -EOPNOTSUPP without a message: @link
 * isn't a veth; other errors with @err.
 */
int link_veth_peer(const struct link *link, struct link *ret_peer, struct err *err);

/*
 * True if @link is a veth whose peer has no XDP program: in native mode XDP_TX puts frames on the
 * peer's ring, which is read only if the peer has a program. False if the peer can't be read.
 */
bool link_veth_deaf(const struct link *link, struct link *ret_peer);

/*
 * link_by_name() of an interface that can carry ARP: Ethernet, with a MAC that isn't zero. Else
 * -EOPNOTSUPP with @err.
 */
int link_for_arp(const char *name, struct link *ret_link, struct err *err);

/* Finds the interface that XDP program @xdp_id, not 0, is attached to, in the caller's network
 * namespace and in those that it has ids for. *ret_nsid: the id, -1: the caller's. */
bool link_by_xdp(uint32_t xdp_id, struct link *ret_link, int *ret_nsid);

/* Returns the name of an interface in @all, from getifaddrs(3), that has @mac, or NULL. */
struct ifaddrs;
const char *link_with_mac(const struct ifaddrs *all, const uint8_t mac[ETH_ALEN]);

/* Parses an RTM_NEWLINK or RTM_DELLINK message. */
struct nlmsghdr;
void link_from_message(const struct nlmsghdr *message, struct link *ret_link);

/* Reads SO_NETNS_COOKIE of the calling thread's network namespace. Unlike an inode number it is
 * never reused. */
int link_netns_cookie(uint64_t *ret_cookie, struct err *err);

#endif
