/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses on VLAN devices. Their frames arrive tagged on the parent interface, whose program
 * looks up the VLAN device in the map vlans, by interface, tag protocol and VID. The map has a row
 * for each VLAN device with addresses and, with QinQ, for the VLAN device between it and the
 * interface. rtnetlink tells which devices are VLAN devices; names don't matter.
 *
 * A program on a bridge, a bond... sees no tags (link_hides_tags()). There the VLAN device has the
 * program itself, and the tag no row.
 */
#ifndef XDP_L2RESP_VLAN_H
#define XDP_L2RESP_VLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "attach_moved.h"
#include "attach_state.h"
#include "err.h"
#include "filter.h"
#include "link.h"
#include "pins.h"

/* The program reads no more tags than these. */
#define VLAN_MAX_TAGS 2

/* The tags that lead from an interface to a VLAN device. */
struct vlan_path {
	unsigned int count;		     /* of tags; 0: it isn't a VLAN device */
	struct vlan_key keys[VLAN_MAX_TAGS]; /* outer first */
	uint32_t devices[VLAN_MAX_TAGS];     /* which device each leads to */
	unsigned int hidden; /* tags that XDP doesn't see: 1, the outer one, if parent hides tags */
	struct link parent;  /* receives the frames; the device itself if count is 0 */
	struct link hook;    /* where the program belongs: parent or, if hidden, the device on it */
};

/* Finds the path to @link. -EOPNOTSUPP with @err: more tags than the program reads, or the parent
 * is in another network namespace; other errors with @err. */
int vlan_path_of(const struct link *link, struct vlan_path *ret_path, struct err *err);

/* The interface whose program sees an interface's frames: itself or, if it is a VLAN device, one of
 * its parents that don't hide tags. */
struct vlan_hook {
	struct link link;
	struct attach_state state;
	int ours; /* index in state.prog; -1: no program found, and it belongs on link */
	struct attach_moved moved; /* where a parent with the program has gone, if it isn't here */
	struct vlan_key tags[VLAN_MAX_TAGS]; /* of the interface's frames on link, outer first */
	unsigned int tag_count;
};

/* Finds the hook of interface @ifindex. @pins may be NULL. Returns 0 or a negative errno with @err.
 */
int vlan_find_hook(const struct pins *pins, uint32_t ifindex, struct vlan_hook *ret_hook,
		   struct err *err);

/* Looks up, in the map, the VLAN device for a tag on @ifindex; 0: none. @protocol in host byte
 * order. @vid 0, a priority tag: @ifindex itself. */
uint32_t vlan_device(const struct pins *pins, uint32_t ifindex, uint16_t protocol, uint16_t vid);

/* Returns 1 if a VLAN device on @ifindex with tag @protocol (host byte order) has a row in the map,
 * 0 if none has, or a negative errno with @err. */
int vlan_uses(const struct pins *pins, uint32_t ifindex, uint16_t protocol, struct err *err);

/*
 * Writes the rows that addresses on @link need, if it is a VLAN device. -EOPNOTSUPP with @err as
 * vlan_path_of(), or if the program on the parent doesn't see the tags (offload.h); if that can't
 * be found out, a @note. -E2BIG: too many VLAN devices; other errors with @err. @pins must be
 * locked. If no address is added then, vlan_sync() removes the rows.
 */
int vlan_add(const struct pins *pins, const struct link *link, filter_note_fn *note,
	     struct err *err);

/* Checks, for each VLAN device on @link that has addresses, that a program on @link would see the
 * tags. Errors and notes as vlan_add(). */
int vlan_check_parent(const struct pins *pins, const struct link *link, filter_note_fn *note,
		      struct err *err);

/* True if the map has the rows of @path. */
bool vlan_has_rows(const struct pins *pins, const struct vlan_path *path);

/* Writes the rows that the addresses need, and deletes all others. @pins must be locked. Returns 0
 * or a negative errno with @err. */
int vlan_sync(const struct pins *pins, struct err *err);

/* vlan_sync() after addresses were deleted from @ifindex (0: from all). Does nothing unless a row
 * leads to @ifindex. */
int vlan_deleted(const struct pins *pins, uint32_t ifindex, struct err *err);

/*
 * Updates records and rows for VLAN devices that were recreated, moved or deleted, and for
 * interfaces that were renamed, since the last command. A recreated device takes over the addresses
 * of the former one of its name, with a @note. Reads the addresses only if something changed. @pins
 * must be locked.
 */
int vlan_follow(const struct pins *pins, filter_note_fn *note, struct err *err);

/* For an attach to @link: updates the MACs and filters of addresses on it, and on VLAN devices on
 * top of it, and these devices' rows if one is missing. */
int vlan_refresh(const struct pins *pins, const struct link *link, filter_note_fn *note,
		 struct err *err);

#endif
