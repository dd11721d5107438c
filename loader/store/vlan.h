/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses on VLAN devices. Their frames come in on another interface, with tags, and the program
 * there finds them by the map vlans: which interface, tag protocol and VID a VLAN device has. What
 * a device is, is asked by rtnetlink; its name says nothing. The map has a row for each VLAN device
 * with addresses, and for one between such a device and its interface (QinQ).
 */
#ifndef XDP_L2RESP_VLAN_H
#define XDP_L2RESP_VLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "attach_state.h"
#include "err.h"
#include "filter.h"
#include "link.h"
#include "pins.h"

/* Tags that the program reads. */
#define VLAN_MAX_TAGS 2

/* The way from an interface to a VLAN device. */
struct vlan_path {
	unsigned int count;		     /* of tags; 0: it isn't a VLAN device */
	struct vlan_key keys[VLAN_MAX_TAGS]; /* outer first */
	uint32_t devices[VLAN_MAX_TAGS];     /* which device each leads to */
	struct link parent; /* that frames come in on; the device itself where count is 0 */
};

/* The path to @link. -EOPNOTSUPP with @err where it has more tags than the program reads, or its
 * parent is in another network namespace; other errors with @err. */
int vlan_path_of(const struct link *link, struct vlan_path *ret_path, struct err *err);

/* Where the program sees an interface's frames: there, or on what its VLAN devices are on. */
struct vlan_hook {
	struct link link;
	struct attach_state state;
	int ours; /* index in state.prog; -1: nowhere, and link is the outermost */
	struct vlan_key
		tags[VLAN_MAX_TAGS]; /* that frames for the interface have there, outer first */
	unsigned int tag_count;
};

/* Finds the hook of interface @ifindex. @pins may be NULL. Returns 0 or a negative errno with @err.
 */
int vlan_find_hook(const struct pins *pins, uint32_t ifindex, struct vlan_hook *ret_hook,
		   struct err *err);

/* The device that a frame with this tag is for on @ifindex, by the map; 0: none. @protocol in host
 * byte order; a @vid of 0 tells a priority, and no VLAN. */
uint32_t vlan_device(const struct pins *pins, uint32_t ifindex, uint16_t protocol, uint16_t vid);

/* Have addresses a VLAN device on @ifindex with tags of @protocol, in host byte order? 1, 0, or a
 * negative errno with @err. */
int vlan_uses(const struct pins *pins, uint32_t ifindex, uint16_t protocol, struct err *err);

/*
 * Readies the maps for addresses on @link: writes the rows of its path, if it is a VLAN device.
 * -EOPNOTSUPP with @err for vlan_path_of()'s reasons, or where the program runs on the parent and
 * doesn't see the tags (offload.h); @note is told where that can't be asked. -E2BIG and others with
 * @err. @pins must be locked. vlan_sync() undoes it.
 */
int vlan_add(const struct pins *pins, const struct link *link, filter_note_fn *note,
	     struct err *err);

/* Whether the program could see the tags of VLAN devices with addresses on @link: vlan_add()'s
 * errors and notes. */
int vlan_check_parent(const struct pins *pins, const struct link *link, filter_note_fn *note,
		      struct err *err);

/* Brings the map to what the addresses need. @pins must be locked. Returns 0 or a negative errno
 * with @err. */
int vlan_sync(const struct pins *pins, struct err *err);

/* The same after addresses were deleted from @ifindex (0: from all): reads them only if a row is
 * for it. */
int vlan_deleted(const struct pins *pins, uint32_t ifindex, struct err *err);

/*
 * Follows VLAN devices that were made anew, renamed, moved or deleted since the last command: one
 * that is there again under its name takes over its addresses. Reads the addresses only if
 * something changed. @note is told of what was taken over. @pins must be locked.
 */
int vlan_follow(const struct pins *pins, filter_note_fn *note, struct err *err);

/* Has the addresses on VLAN devices below @link follow their device's MAC, and sees to their
 * filters: what an attach to @link does. */
int vlan_refresh(const struct pins *pins, const struct link *link, filter_note_fn *note,
		 struct err *err);

#endif
