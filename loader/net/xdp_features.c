// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/genetlink.h>

#include "genl.h"
#include "xdp_features.h"

/* From <linux/netdev.h> of Linux 6.3, which Debian 12's headers don't have. */
#define NETDEV_FAMILY_NAME	  "netdev"
#define NETDEV_CMD_DEV_GET	  1
#define NETDEV_A_DEV_IFINDEX	  1
#define NETDEV_A_DEV_XDP_FEATURES 3
#define NETDEV_XDP_ACT_BASIC	  1

static int features_cb(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attribute) == NETDEV_A_DEV_XDP_FEATURES)
			*(uint64_t *)data = mnl_attr_get_u64(attribute);
	}
	return MNL_CB_OK;
}

static void put_ifindex(struct nlmsghdr *header, uint32_t ifindex)
{
	mnl_attr_put_u32(header, NETDEV_A_DEV_IFINDEX, ifindex);
}

int xdp_features_native(uint32_t ifindex, bool *ret_native)
{
	uint64_t features = 0;
	int r = genl_ask(NETDEV_FAMILY_NAME, NETDEV_CMD_DEV_GET, put_ifindex, ifindex, features_cb,
			 &features);

	if (r < 0)
		return r;
	*ret_native = features & NETDEV_XDP_ACT_BASIC;
	return 0;
}
