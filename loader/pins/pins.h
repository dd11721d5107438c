/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pinned maps under <bpffs>/xdp-l2resp/v1/, and the one lock that all writers hold. */
#ifndef XDP_L2RESP_PINS_H
#define XDP_L2RESP_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "l2resp.h"
#include "maps.h"

#define PINS_DEFAULT_BPFFS "/sys/fs/bpf"

/* Whose addresses: each family has a map of its own. */
enum pins_family {
	PINS_V4,
	PINS_V6,
	PINS_FAMILIES,
};

/* What a struct pins starts as: closed. */
#define PINS_NONE ((struct pins){ .maps.fd = { [0 ... PINS_MAP_COUNT - 1] = -1 }, .lock_fd = -1 })

struct pins {
	struct maps maps;
	int lock_fd;		      /* -1: opened for reading */
	uint32_t room[PINS_FAMILIES]; /* addresses that fit into each family's map */
	uint32_t max_entries;	      /* that there may be of a family: its map grows up to that */
	bool created;		      /* nothing was pinned before */
	bool orphaned;	   /* they served a network namespace that is gone; see device_adopt() */
	bool unsettled;	   /* programs may read other maps; see grow_settle() */
	uint32_t restored; /* bits of enum pins_map: see pins_try_open_locked() */
};

/* Undoes pins_open(): closes the maps and gives the lock back. Safe on PINS_NONE.
 */
void pins_close(struct pins *pins);

/*
 * Opens the maps for reading. -ENOENT without a message in @err: nothing is pinned, so there is
 * nothing to show. Other errors with @err: no bpffs, no permission, another schema, another network
 * namespace, -EUCLEAN where a pin is missing while the program runs; a writer that may just be
 * making it is waited for, for seconds at most.
 */
int pins_open(const char *bpffs, struct pins *ret_pins, struct err *err);

/* As pins_open(), but waits for nobody: for who must not wait, or has the lock. */
int pins_open_now(const char *bpffs, struct pins *ret_pins, struct err *err);

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

/*
 * As pins_open_locked() with @former's bound, and no signals held, but -EAGAIN with @err where
 * another writer is at work. @former: as they were open before. Of those maps whose pins are gone
 * the pins are made again, so that programs, addresses and counts go on (pins_restore());
 * ret_pins->restored tells which.
 */
int pins_try_open_locked(const char *bpffs, const struct pins *former, struct pins *ret_pins,
			 struct err *err);

/* Notes in the pins, which must be locked, whether programs may read older maps of addresses than
 * those that are pinned. */
int pins_set_unsettled(struct pins *pins, bool unsettled, struct err *err);

/* What the pin of @map is called: bpffs reserves dots. */
const char *pins_pin_name(enum pins_map map);

/* Suffix of the pin of a larger map, until it is renamed into place (pins_swap.h). */
#define PINS_GROWING "_growing"

/* Where @map is pinned, with @suffix. Returns 0 or -ENAMETOOLONG. */
int pins_path(const struct pins *pins, enum pins_map map, const char *suffix, char path[PATH_MAX]);

/* The maps of addresses, in the order of enum pins_family. */
const int *pins_responders(const struct pins *pins);

/* As pins_open_locked(), but -ENOENT without a message where nothing is pinned. */
int pins_open_locked_existing(const char *bpffs, struct pins *ret_pins, struct err *err);

/* After a failure: removes what pins_open_locked() created, and nothing else. */
void pins_undo_create(struct pins *pins);

/* Removes every pin and the directory. @pins must be locked; it stays open until pins_close(). */
int pins_remove(struct pins *pins, struct err *err);

/* maps_id() of one of theirs. */
static inline uint32_t pins_map_id(const struct pins *pins, enum pins_map map)
{
	return maps_id(&pins->maps, map);
}

/* Is the open map still the pinned one? 1; 0: another took its place; -ENOENT: nothing is pinned.
 */
int pins_is_pinned(const struct pins *pins, enum pins_map map);

/* What the room below knows of them. @pins may be NULL. */
static inline const struct maps *pins_maps(const struct pins *pins)
{
	return pins ? &pins->maps : NULL;
}

#endif
