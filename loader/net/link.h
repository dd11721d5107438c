/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces of the network namespace that the caller is in, asked by rtnetlink: /sys/class/net may
 * show another namespace's under nsenter.
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
	bool ethernet; /* ARPHRD_ETHER */
	bool xdp;      /* an XDP program is attached, in whatever mode */
	uint8_t mac[ETH_ALEN];
	char name[IFNAMSIZ];
	char kind[16];		/* "veth", "vlan", "bond"...; empty for a NIC */
	unsigned int parent;	/* a VLAN device's parent, a veth's peer; 0: none */
	int parent_nsid;	/* namespace id that parent counts in; -1: the caller's */
	uint16_t vid;		/* a VLAN device's; 0 of others */
	uint16_t vlan_protocol; /* 0x8100 or 0x88a8, host byte order */
	unsigned int master;	/* a bond, bridge, team or VRF that it is part of; 0: none */
	char master_kind[16];	/* that one's kind */
};

static inline bool link_is_vlan(const struct link *link)
{
	return link->vid;
}

/* The interface of that name, or alternative name (ip-link(8), altname). Returns 0, or -ENODEV or
 * another errno with @err; @ret_link untouched on failure. */
int link_by_name(const char *name, struct link *ret_link, struct err *err);

/* The interface of that index; the same results. */
int link_by_ifindex(unsigned int ifindex, struct link *ret_link, struct err *err);

/*
 * The other end of veth @link, in whichever namespace it is. -EOPNOTSUPP without a message for what
 * isn't a veth; other errors with @err.
 */
int link_veth_peer(const struct link *link, struct link *ret_peer, struct err *err);

/*
 * Is @link a veth whose peer has no XDP program? XDP_TX in native mode ends in the peer's ring,
 * which only a peer with a program reads. False too where the peer can't be seen.
 */
bool link_veth_deaf(const struct link *link, struct link *ret_peer);

/*
 * The interface of that name if it can carry ARP: Ethernet framing and a MAC that isn't zero. Else
 * -EOPNOTSUPP with @err.
 */
int link_for_arp(const char *name, struct link *ret_link, struct err *err);

/* The name of an interface in @all, of getifaddrs(3), that has @mac; NULL: it is none of this
 * host's.
 */
struct ifaddrs;
const char *link_with_mac(const struct ifaddrs *all, const uint8_t mac[ETH_ALEN]);

/* Reads an RTM_NEWLINK or RTM_DELLINK message, from whichever socket. */
struct nlmsghdr;
void link_from_message(const struct nlmsghdr *message, struct link *ret_link);

/* SO_NETNS_COOKIE of the calling thread's network namespace: unlike its inode, never used twice. */
int link_netns_cookie(uint64_t *ret_cookie, struct err *err);

#endif
