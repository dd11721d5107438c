/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pinned maps under <bpffs>/xdp-l2resp/v1/, and the lock that writers hold. */
#ifndef XDP_L2RESP_PINS_H
#define XDP_L2RESP_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "l2resp.h"
#include "maps.h"

#define PINS_DEFAULT_BPFFS "/sys/fs/bpf"

/* Each address family has its own map. */
enum pins_family {
	PINS_V4,
	PINS_V6,
	PINS_FAMILIES,
};

/* Initial value of a struct pins: closed. */
#define PINS_NONE ((struct pins){ .maps.fd = { [0 ... MAPS_COUNT - 1] = -1 }, .lock_fd = -1 })

struct pins {
	struct maps maps;
	int lock_fd;		      /* -1: opened for reading */
	uint32_t room[PINS_FAMILIES]; /* addresses that fit into each family's map */
	uint32_t max_entries;	      /* up to which each family's map grows */
	bool created;		      /* nothing was pinned before */
	bool orphaned;		      /* of a network namespace that is gone; see adopt_pins() */
	bool unsettled;		      /* programs may read other maps; see grow_settle() */
	uint32_t restored;	      /* bits of enum maps_index: see pins_try_open_locked() */
	uint32_t remade; /* bits of enum maps_index: created while other maps were pinned */
};

/* Undoes pins_open(): closes the maps and releases the lock. Safe on PINS_NONE. */
void pins_close(struct pins *pins);

/*
 * Opens the maps for reading. -ENOENT without a message in @err: nothing is pinned. Other errors
 * with @err: no bpffs, no permission, another schema, another network namespace; -EUCLEAN: a pin is
 * missing while the program runs, and no writer has created it within a few seconds.
 */
int pins_open(const char *bpffs, struct pins *ret_pins, struct err *err);

/* As pins_open(), but without waiting for a writer: for callers that must not block, or that hold
 * the lock. */
int pins_open_now(const char *bpffs, struct pins *ret_pins, struct err *err);

/* As pins_open(), but after an error, too, *ret_pins has those of our maps that could be opened,
 * and the directory if it is known. */
int pins_open_some(const char *bpffs, struct pins *ret_pins, struct err *err);

/*
 * Opens the maps for writing, under the lock: waits for other writers, then blocks signals
 * (signals.h). Creates missing maps; new pins allow @max_entries addresses of each family (0: the
 * default), existing ones keep their bound. A map is pinned when it is complete, so a kill leaves
 * no incomplete map.
 */
int pins_open_locked(const char *bpffs, uint32_t max_entries, struct pins *ret_pins,
		     struct err *err);

/*
 * As pins_open_locked() with @former's bound, but doesn't block signals, and returns -EAGAIN with
 * @err if another writer holds the lock. @former: the maps that the caller has open. Pins them
 * again if their pins are gone, so that programs, addresses and counts are kept (pins_restore());
 * ret_pins->restored: which.
 */
int pins_try_open_locked(const char *bpffs, const struct pins *former, struct pins *ret_pins,
			 struct err *err);

/* Records in the pins, which must be locked, whether programs may read older maps of addresses than
 * the pinned ones. */
int pins_set_unsettled(struct pins *pins, bool unsettled, struct err *err);

/* Returns the name of @map's pin. It differs from the map's if that has a dot, which bpffs
 * reserves. */
const char *pins_pin_name(enum maps_index map);

/* Suffix of the pin of a larger map, until it is renamed into place (pins_swap.h). */
#define PINS_GROWING "_growing"

/* Writes the path of @map's pin, with @suffix. Returns 0 or -ENAMETOOLONG. */
int pins_path(const struct pins *pins, enum maps_index map, const char *suffix,
	      char path[PATH_MAX]);

/* The maps of addresses, in the order of enum pins_family. */
const int *pins_responders(const struct pins *pins);

/* As pins_open_locked(), but returns -ENOENT without a message if nothing is pinned. */
int pins_open_locked_existing(const char *bpffs, struct pins *ret_pins, struct err *err);

/* After a failure: removes what pins_open_locked() created, and nothing else. */
void pins_undo_create(struct pins *pins);

/* Removes every pin and the directory. @pins must be locked; it stays open until pins_close(). */
int pins_remove(struct pins *pins, struct err *err);

/* maps_id() of @map. */
static inline uint32_t pins_map_id(const struct pins *pins, enum maps_index map)
{
	return maps_id(&pins->maps, map);
}

/* Returns 1 if the open map is still pinned, 0 if another one is pinned there, -ENOENT if none is.
 */
int pins_is_pinned(const struct pins *pins, enum maps_index map);

/* The struct maps that loader/prog works on. @pins may be NULL. */
static inline const struct maps *pins_maps(const struct pins *pins)
{
	return pins ? &pins->maps : NULL;
}

#endif
