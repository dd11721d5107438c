/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be set on an interface so that frames for its addresses arrive: the solicited-node
 * groups of IPv6 addresses (RFC 4291 2.7.1), and MACs that aren't the interface's own.
 *
 * What is needed is read off the addresses each time. What is ours to take away again is told from
 * others': a joined group by its address's IFA_PROTO, everything else by the map filters.
 */
#ifndef XDP_L2RESP_FILTER_H
#define XDP_L2RESP_FILTER_H

#include <stddef.h>

#include "entry.h"
#include "err.h"
#include "link.h"
#include "pins.h"

/* Told what couldn't be had, or only in part. */
typedef void filter_note_fn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Sets on interface @ifindex what its addresses need, and takes away what of ours they don't.
 * Groups are joined, so that switches hear of them (MLD), by an address of the interface
 * (IFA_F_MCAUTOJOIN), which lasts where a socket's join would end with the process. Where the
 * kernel refuses, they are put into the multicast filter only, and beyond FILTER_MAX_GROUPS of
 * these the interface takes all multicast (IFF_ALLMULTI).
 *
 * Idempotent; an interface that is gone is forgotten. @pins must be locked. An address stands
 * whether its frames arrive or not, so what couldn't be had is only said, through @note.
 */
void filter_sync(const struct pins *pins, uint32_t ifindex, filter_note_fn *note);

#define FILTER_MAX_GROUPS 1024

/* The same for every recorded interface. */
void filter_sync_all(const struct pins *pins, filter_note_fn *note);

/* The same after @count addresses were added, on @link among others: reads the map only if one of
 * them needs something. */
void filter_added(const struct pins *pins, const struct link *link,
		  const struct entry_wanted *wanted, size_t count, filter_note_fn *note);

/* The same after addresses were deleted from @ifindex: reads the map only if something of ours is
 * set there. */
void filter_deleted(const struct pins *pins, uint32_t ifindex, filter_note_fn *note);

/* Forgets, without touching any interface, what was set on @ifindex (0: on all): the number means
 * another interface now, or none. Returns 0 or a negative errno with @err. */
int filter_forget(const struct pins *pins, uint32_t ifindex, struct err *err);

#endif
