/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of interfaces with addresses or a program: their counter slot, and their name, by which a
 * recreated interface gets its addresses back.
 */
#ifndef XDP_L2RESP_DEVICE_TABLE_H
#define XDP_L2RESP_DEVICE_TABLE_H

#include <net/if.h>

#include "err.h"
#include "link.h"
#include "pins.h"

struct device_row {
	uint32_t ifindex;
	bool gone;    /* no such interface exists; name is the recorded one */
	bool reused;  /* gone, and another interface has its number now */
	bool renamed; /* name differs from the recorded one */
	char name[IFNAMSIZ];
	uint32_t counters_slot;
	uint8_t mac_end[4]; /* as in struct device */
	struct link link;   /* valid unless gone */
};

struct device_table {
	struct device_row rows[L2RESP_MAX_DEVICES];
	unsigned int count;
};

/* Reads the records as they were written, unsorted; fills only ifindex, name, counters_slot
 * and mac_end. */
int device_read_recorded(const struct pins *pins, struct device_table *ret_table, struct err *err);

/* Reads the records, with the interfaces' present names and links, sorted by name. */
int device_read_all(const struct pins *pins, struct device_table *ret_table, struct err *err);

/* True if the record of @link's number, and so the addresses of that number, are those of another
 * interface, which is gone. */
bool device_is_reused(const struct pins *pins, const struct link *link);

/* Returns the row of @ifindex, or NULL. */
const struct device_row *device_find(const struct device_table *table, uint32_t ifindex);

/*
 * Finds the interface called @name or, if none exists, a recorded one that is gone, so that its
 * addresses can be listed and deleted; only ifindex and name are set then. With @err -ENODEV:
 * neither exists; -EBUSY: the interface called @name has the number of another one's addresses.
 */
int device_resolve(const struct pins *pins, const char *name, struct link *ret_link,
		   struct err *err);

/* Returns the record of an interface called @name that is gone, or NULL. */
const struct device_row *device_find_gone(const struct device_table *table, const char *name);

/* The key of VLAN device @link's row in the map vlans. */
struct vlan_key device_vlan_key(const struct link *link);

/* device_write() writes the record of @link, device_forget() deletes that of @ifindex. @pins must
 * be locked. */
int device_write(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		 struct err *err);
int device_forget(const struct pins *pins, uint32_t ifindex, struct err *err);

#endif
