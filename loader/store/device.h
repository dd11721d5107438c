/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of interfaces with addresses or a program, and the move of addresses from a former
 * interface to a new one of the same name. */
#ifndef XDP_L2RESP_DEVICE_H
#define XDP_L2RESP_DEVICE_H

#include <stdbool.h>

#include "device_table.h"
#include "err.h"
#include "filter.h"
#include "link.h"
#include "pins.h"

/* The result of device_record(). */
struct device_recorded {
	uint32_t counters_slot;
	bool created; /* the interface wasn't recorded before */
};

/*
 * Records @link, which exists, and gives it a counter slot. It takes over the addresses of a
 * recorded interface of its name that is gone, with a @note, and gets the filters that they need;
 * also the counters, unless it was recorded itself before. Parks the record of
 * an interface that had its number before; -EBUSY if that runs the program elsewhere. @pins must be
 * locked. -ENOSPC: L2RESP_MAX_DEVICES interfaces are recorded that exist or have addresses.
 */
int device_record(const struct pins *pins, const struct link *link, filter_note_fn *note,
		  struct device_recorded *ret_recorded, struct err *err);

/* Bit of the interface number of a parked record. The kernel counts from 1, so no interface has
 * it. */
#define DEVICE_PARKED (UINT32_C(1) << 30)

/*
 * Gives the record @row and its addresses a number that no interface has, where they wait for an
 * interface of the name: for when row->ifindex means another interface now. A kill in between
 * leaves two records, and the next call completes it. @pins must be locked.
 */
int device_park(const struct pins *pins, const struct device_row *row, struct err *err);

/* Parks records whose number another interface has now, unless device_record() would refuse that.
 */
int device_follow(const struct pins *pins, struct err *err);

/* Parks the record of an interface that had @link's number before, or says why not, as
 * device_record() does. */
int device_make_way(const struct pins *pins, const struct link *link, struct err *err);

/* After a failure: deletes @link's record if device_record() created it. */
void device_undo_record(const struct pins *pins, const struct link *link,
			const struct device_recorded *recorded);

#endif
