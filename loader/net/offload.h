/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VLAN tags that aren't in the frame any more when XDP sees it, asked by ethtool's netlink. */
#ifndef XDP_L2RESP_OFFLOAD_H
#define XDP_L2RESP_OFFLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "link.h"

enum offload_tags {
	OFFLOAD_TAGS_LEFT, /* in the frame; or the kernel can't tell */
	OFFLOAD_TAGS_TAKEN,
	OFFLOAD_TAGS_UNKNOWN, /* decided by what is in another network namespace */
};

/*
 * What becomes of tags of @protocol (0x8100 or 0x88a8) in frames that come in on @link; and the
 * command that leaves them in, to @remedy. A NIC takes them off by its receive offload. A veth
 * doesn't, whatever it says of itself: its peer's transmit offload puts them beside the frame.
 */
enum offload_tags offload_tags(const struct link *link, uint16_t protocol, char *remedy,
			       size_t size);

#endif
