/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads and writes lease stamps: the deadlines until which leased entries answer. Needs no lock: a
 * stamp is written in place, by the one agent that holds the lease.
 */
#ifndef XDP_L2RESP_LEASE_STAMP_H
#define XDP_L2RESP_LEASE_STAMP_H

#include <stdint.h>

#include "err.h"

struct lease_stamper;

/*
 * Loads the program that writes stamps to the map leases, open as @leases_fd, for leases of
 * @duration_ns. The caller frees *ret_stamper. Returns 0 or a negative errno with @err.
 */
int lease_stamper_new(int leases_fd, uint64_t duration_ns, struct lease_stamper **ret_stamper,
		      struct err *err);
void lease_stamper_free(struct lease_stamper *stamper);

/*
 * Lets entries of @slot (not 0) answer until @deadline_ns (CLOCK_BOOTTIME). Returns 0; -ETIME: the
 * deadline has passed; -ERANGE: it is further ahead than a lease lasts; -EINVAL: no such slot (then
 * nothing was written); or the kernel's negative errno. All with @err.
 */
int lease_stamp_write(struct lease_stamper *stamper, uint8_t slot, uint64_t deadline_ns,
		      struct err *err);

/*
 * Reads until when entries of @slot answer: *ret_deadline_ns (CLOCK_BOOTTIME), 0 if never stamped.
 * Returns 0, or a negative errno with @err: they may or may not answer then.
 */
int lease_stamp_read(int leases_fd, uint8_t slot, uint64_t *ret_deadline_ns, struct err *err);

#endif
