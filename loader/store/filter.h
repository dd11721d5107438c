/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters of an interface, so that frames for its addresses arrive: the solicited-node groups of
 * IPv6 addresses (RFC 4291 2.7.1), and MACs that aren't the interface's own.
 *
 * The filters needed are derived from the addresses each time. Only filters that we set are removed
 * again: joined groups carry our IFA_PROTO, all others are recorded in the map filters.
 */
#ifndef XDP_L2RESP_FILTER_H
#define XDP_L2RESP_FILTER_H

#include <stddef.h>

#include "entry.h"
#include "err.h"
#include "link.h"
#include "pins.h"

/* Called with a message for each filter that couldn't be set, or only by a fallback. */
typedef void filter_note_fn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Sets the filters that the addresses on @ifindex need, and removes those of ours that they don't.
 * Groups are joined, so that MLD reports reach the switches, by an address with IFA_F_MCAUTOJOIN: a
 * socket's membership would end with the process. If the kernel refuses the address, the groups
 * are added to the multicast filter only; if more than FILTER_MAX_GROUPS are refused, the interface
 * is set to IFF_ALLMULTI instead.
 *
 * Idempotent; the records of an interface that is gone are deleted. @pins must be locked. Failures
 * go to @note: the address stays even if its frames may not arrive. Returns 0, or a negative errno
 * if it could not find out what is needed: then nothing was done.
 */
int filter_sync(const struct pins *pins, uint32_t ifindex, filter_note_fn *note);

#define FILTER_MAX_GROUPS 1024

/* filter_sync() for every recorded interface. */
int filter_sync_all(const struct pins *pins, filter_note_fn *note);

/* filter_sync() after @count addresses were added, not all on @link. Does nothing unless one that
 * is on @link needs a filter. */
void filter_added(const struct pins *pins, const struct link *link,
		  const struct entry_wanted *wanted, size_t count, filter_note_fn *note);

/* filter_sync() after addresses were deleted from @ifindex. Does nothing unless one of our filters
 * is set there. */
void filter_deleted(const struct pins *pins, uint32_t ifindex, filter_note_fn *note);

/* Counts the groups that the addresses on @link need, and that somebody has left: deleting our
 * addresses, as systemd-networkd does with those that it hasn't set, leaves them. */
int filter_count_left(const struct pins *pins, const struct link *link, size_t *ret_count,
		      struct err *err);

/* Deletes the records of @ifindex's filters (0: of all), without touching an interface: the number
 * means another interface now, or none. Returns 0 or a negative errno with @err. */
int filter_forget(const struct pins *pins, uint32_t ifindex, struct err *err);

#endif
