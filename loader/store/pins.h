/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pinned maps under <bpffs>/xdp-l2resp/v1/, and the one lock that all writers hold. */
#ifndef XDP_L2RESP_PINS_H
#define XDP_L2RESP_PINS_H

#include <stdbool.h>
#include <stdint.h>
#include <limits.h>
#include <sys/types.h>

#include "err.h"
#include "l2resp.h"

#define PINS_DEFAULT_BPFFS "/sys/fs/bpf"

enum pins_map {
	PINS_META,
	PINS_DEVICES,
	PINS_LEASES,
	PINS_COUNTERS,
	PINS_CONFLICTS,
	PINS_VLANS,
	PINS_EVENTS,
	PINS_TRACE,
	PINS_TRACE_CONTROL,
	PINS_FILTERS,
	PINS_RESPONDER_V4,
	PINS_RESPONDER_V6,
	PINS_MAP_COUNT,
};

/* Whose addresses: each family has a map of its own. */
enum pins_family {
	PINS_V4,
	PINS_V6,
	PINS_FAMILIES,
};

/* What a struct pins starts as: closed. */
#define PINS_NONE ((struct pins){ .lock_fd = -1, .fd = { [0 ... PINS_MAP_COUNT - 1] = -1 } })

struct pins {
	char dir[PATH_MAX];
	dev_t bpffs_dev;
	int lock_fd; /* -1: opened for reading */
	int fd[PINS_MAP_COUNT];
	uint32_t room[PINS_FAMILIES]; /* addresses that fit into each family's map */
	uint32_t max_entries;	      /* that there may be of a family: its map grows up to that */
	bool created;		      /* nothing was pinned before */
	bool orphaned;	/* they served a network namespace that is gone; see device_adopt() */
	bool unsettled; /* programs may read older maps of addresses; see grow_settle() */
};

/* Undoes pins_open(): closes the maps and gives the lock back. Safe on PINS_NONE.
 */
void pins_close(struct pins *pins);

/*
 * Opens the maps for reading. -ENOENT without a message in @err: nothing is pinned, so there is
 * nothing to show. Other errors with @err: no bpffs, no permission, another schema, another network
 * namespace, -EUCLEAN where a pin is missing while the program runs.
 */
int pins_open(const char *bpffs, struct pins *ret_pins, struct err *err);

/* As pins_open(), but @ret_pins are open after -EUCLEAN too, those that are there. */
int pins_open_some(const char *bpffs, struct pins *ret_pins, struct err *err);

/*
 * Opens the maps for writing, under the lock: waits for another writer to finish, and from then on
 * holds signals (signals.h). Creates what is absent, for at most @max_entries addresses of each
 * family, or the default where that is 0; what is there keeps its bound. Each map is whole before
 * its pin appears, so a kill between two leaves nothing half made.
 */
int pins_open_locked(const char *bpffs, uint32_t max_entries, struct pins *ret_pins,
		     struct err *err);

/* As pins_open_locked() with the default bound, and no signals held, but -EAGAIN with @err where
 * another writer is at work. */
int pins_try_open_locked(const char *bpffs, struct pins *ret_pins, struct err *err);

/* The maps of addresses, in the order of enum pins_family. */
const int *pins_responders(const struct pins *pins);

/* Maps of addresses with that much @room, not pinned; none (-1) of a family whose @room is 0.
 * Returns 0 and descriptors that the caller closes, or an error with @err. */
int pins_create_responders(const uint32_t room[PINS_FAMILIES], int ret_fds[PINS_FAMILIES],
			   struct err *err);

/*
 * Pins the maps @fds in the place of those pinned, each at once: there is no moment without a pin.
 * A family whose descriptor is -1 keeps its map. On success @pins have them, and @fds are those
 * that they had, the caller's to close. On failure nothing has changed.
 */
int pins_swap_responders(struct pins *pins, int fds[PINS_FAMILIES], struct err *err);

/* Allows @max_entries addresses of each family from now on. @pins must be locked. */
int pins_set_max_entries(struct pins *pins, uint32_t max_entries, struct err *err);

/* As pins_open_locked(), but -ENOENT without a message where nothing is pinned. */
int pins_open_locked_existing(const char *bpffs, struct pins *ret_pins, struct err *err);

/* Records that the pins serve the caller's network namespace from now on. They must be locked. */
int pins_adopt(struct pins *pins, struct err *err);

/* Notes in the pins, which must be locked, whether programs may read older maps of addresses than
 * those that are pinned. */
int pins_set_unsettled(struct pins *pins, bool unsettled, struct err *err);

/* After a failure: removes what pins_open_locked() created, and nothing else. */
void pins_undo_create(struct pins *pins);

/* Removes every pin and the directory. @pins must be locked; it stays open until pins_close(). */
int pins_remove(struct pins *pins, struct err *err);

/* What @map is called in the BPF objects. */
const char *pins_map_name(enum pins_map map);

/* The kernel's id of an open map. Returns 0 on failure, which no map has. */
uint32_t pins_map_id(const struct pins *pins, enum pins_map map);

/* Is the open map still the pinned one? 1; 0: another took its place; -ENOENT: nothing is pinned.
 */
int pins_is_pinned(const struct pins *pins, enum pins_map map);

/* Does the file system of @origin lie at its path, in the caller's mount namespace? */
bool pins_bpffs_here(const struct pins_origin *origin);

/* Has any process that /proc shows the file system of @origin mounted? */
bool pins_bpffs_mounted(const struct pins_origin *origin);

#endif
