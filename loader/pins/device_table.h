/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The records of the interfaces that addresses or a program were put on: their counter slot, and
 * the name by which their addresses are found again when the interface is deleted and made anew.
 */
#ifndef XDP_L2RESP_DEVICE_TABLE_H
#define XDP_L2RESP_DEVICE_TABLE_H

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

/* The record of a former interface called @name, or NULL. */
const struct device_row *device_find_gone(const struct device_table *table, const char *name);

/* Writes the record of @link, or deletes that of @ifindex. @pins must be locked. */
int device_write(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		 struct err *err);
int device_forget(const struct pins *pins, uint32_t ifindex, struct err *err);

#endif
