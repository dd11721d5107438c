// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/if_ether.h>

#include "genl.h"
#include "offload.h"

/* ethtool's names of the features, by tag protocol. */
struct offload {
	const char *receive;
	const char *transmit;
};

static const struct offload offload_8021q = { "rx-vlan-hw-parse", "tx-vlan-hw-insert" };
static const struct offload offload_8021ad = { "rx-vlan-stag-hw-parse", "tx-vlan-stag-hw-insert" };

struct search {
	const char *name;
	bool found;
};

static int bit_cb(const struct nlattr *attribute, void *data)
{
	struct search *search = data;

	if (mnl_attr_get_type(attribute) == ETHTOOL_A_BITSET_BIT_NAME)
		search->found |= !strcmp(mnl_attr_get_str(attribute), search->name);
	return MNL_CB_OK;
}

static int bits_cb(const struct nlattr *attribute, void *data)
{
	return mnl_attr_parse_nested(attribute, bit_cb, data);
}

static int bitset_cb(const struct nlattr *attribute, void *data)
{
	return mnl_attr_get_type(attribute) == ETHTOOL_A_BITSET_BITS
		       ? mnl_attr_parse_nested(attribute, bits_cb, data)
		       : MNL_CB_OK;
}

/* A bitset without a mask lists only the bits that are set. */
static int features_cb(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attribute) == ETHTOOL_A_FEATURES_ACTIVE)
			return mnl_attr_parse_nested(attribute, bitset_cb, data);
	}
	return MNL_CB_OK;
}

static void put_ifindex(struct nlmsghdr *header, uint32_t ifindex)
{
	struct nlattr *nest = mnl_attr_nest_start(header, ETHTOOL_A_FEATURES_HEADER);

	mnl_attr_put_u32(header, ETHTOOL_A_HEADER_DEV_INDEX, ifindex);
	mnl_attr_nest_end(header, nest);
}

static bool is_on(uint32_t ifindex, const char *feature)
{
	struct search search = { .name = feature };

	return !genl_ask(ETHTOOL_GENL_NAME, ETHTOOL_MSG_FEATURES_GET, put_ifindex, ifindex,
			 features_cb, &search) &&
	       search.found;
}

enum offload_tags offload_tags(const struct link *link, uint16_t protocol, char *remedy,
			       size_t size)
{
	const struct offload *offload = protocol == ETH_P_8021AD ? &offload_8021ad : &offload_8021q;
	struct err ignored;
	struct link peer;

	if (link_veth_peer(link, &peer, &ignored) < 0) {
		snprintf(remedy, size, "ethtool -K %s %s off", link->name,
			 offload == &offload_8021q ? "rxvlan" : offload->receive);
		return is_on(link->ifindex, offload->receive) ? OFFLOAD_TAGS_TAKEN
							      : OFFLOAD_TAGS_LEFT;
	}
	snprintf(remedy, size, "ethtool -K %s %s off", peer.name,
		 offload == &offload_8021q ? "txvlan" : offload->transmit);
	if (link->parent_nsid >= 0)
		return OFFLOAD_TAGS_UNKNOWN;
	return is_on(peer.ifindex, offload->transmit) ? OFFLOAD_TAGS_TAKEN : OFFLOAD_TAGS_LEFT;
}
