/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An interface becomes one that addresses or a program are on: its record, and the addresses of a
 * former interface of its name.
 */
#ifndef XDP_L2RESP_DEVICE_H
#define XDP_L2RESP_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "device_table.h"
#include "err.h"
#include "link.h"
#include "pins.h"

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
