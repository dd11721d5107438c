/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds out, by ethtool's netlink, whether VLAN tags are removed before XDP sees a frame. */
#ifndef XDP_L2RESP_OFFLOAD_H
#define XDP_L2RESP_OFFLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "link.h"

enum offload_tags {
	OFFLOAD_TAGS_LEFT, /* in the frame; or the kernel doesn't tell */
	OFFLOAD_TAGS_TAKEN,
	OFFLOAD_TAGS_UNKNOWN, /* depends on a peer in another network namespace */
};

/*
 * Returns whether tags of @protocol (0x8100 or 0x88a8) are in frames received on @link, and writes
 * the command that leaves them in to @remedy. A NIC removes them by its receive offload. A veth's
 * own receive offload has no effect; its peer's transmit offload moves them out of the frame.
 */
enum offload_tags offload_tags(const struct link *link, uint16_t protocol, char *remedy,
			       size_t size);

#endif
