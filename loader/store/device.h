/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interfaces that addresses or a program were put on: their counter slot, and the name by which
 * their addresses are found again when the interface is deleted and made anew.
 */
#ifndef XDP_L2RESP_DEVICE_H
#define XDP_L2RESP_DEVICE_H

#include <net/if.h>

#include "err.h"
#include "link.h"
#include "pins.h"

struct device_row {
	uint32_t ifindex;
	bool gone;    /* no such interface now; name is the one it had */
	bool renamed; /* since it was recorded */
	char name[IFNAMSIZ];
	uint32_t counters_slot;
	struct link link; /* of one that isn't gone */
};

struct device_table {
	struct device_row rows[L2RESP_MAX_DEVICES];
	unsigned int count;
};

/* Every recorded interface as it was recorded, in no order: its number, name and slot, and no more.
 */
int device_read_recorded(const struct pins *pins, struct device_table *ret_table, struct err *err);

/* Every recorded interface, by name; names are those in force now. */
int device_read_all(const struct pins *pins, struct device_table *ret_table, struct err *err);

/* The row of @ifindex, or NULL. */
const struct device_row *device_find(const struct device_table *table, uint32_t ifindex);

/*
 * The interface called @name: one that exists, else a recorded one that is gone, so that what was
 * put on it can still be listed and deleted. -ENODEV with @err where there is neither. Only ifindex
 * and name are set for one that is gone.
 */
int device_resolve(const struct pins *pins, const char *name, struct link *ret_link,
		   struct err *err);

/* What device_record() did. */
struct device_recorded {
	uint32_t counters_slot;
	bool created;	    /* the interface wasn't known before */
	unsigned int moved; /* addresses taken over from a former interface of the name */
};

/*
 * Records @link, which exists, and gives it a counter slot. A recorded interface of the same name
 * that is gone hands over its addresses with their counts, and its own counters. @pins must be
 * locked. -ENOSPC: L2RESP_MAX_DEVICES interfaces are recorded and exist.
 */
int device_record(const struct pins *pins, const struct link *link,
		  struct device_recorded *ret_recorded, struct err *err);

/* After a failure: forgets @link again if device_record() created it. */
void device_undo_record(const struct pins *pins, const struct link *link,
			const struct device_recorded *recorded);

/*
 * Takes over @pins of a network namespace that is gone, if they are such; nothing otherwise.
 * Interface numbers mean other interfaces here, so addresses go to the interface of the same name,
 * and those without one are dropped. @pins must be locked. *ret_dropped: how many.
 */
int device_adopt(struct pins *pins, size_t *ret_dropped, struct err *err);

#endif
