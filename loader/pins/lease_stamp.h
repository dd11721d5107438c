/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the stamps that let leased entries answer. Needs no lock: a stamp is written by the one
 * agent whose lease it is, in place.
 */
#ifndef XDP_L2RESP_LEASE_STAMP_H
#define XDP_L2RESP_LEASE_STAMP_H

#include <stdint.h>

#include "err.h"

struct lease_stamper;

/*
 * Loads the program that writes stamps into the map leases, open as @leases_fd, for leases of
 * @duration_ns. The caller frees *ret_stamper. Errors with @err.
 */
int lease_stamper_new(int leases_fd, uint64_t duration_ns, struct lease_stamper **ret_stamper,
		      struct err *err);
void lease_stamper_free(struct lease_stamper *stamper);

/*
 * Entries of @slot (not 0) may answer until @deadline_ns (CLOCK_BOOTTIME). -ETIME: that is past;
 * -ERANGE: it is further ahead than a lease lasts; -EINVAL: no such slot; nothing was written then.
 * Other errors from the kernel. Each with @err.
 */
int lease_stamp_write(struct lease_stamper *stamper, uint8_t slot, uint64_t deadline_ns,
		      struct err *err);

/*
 * Until when the entries of @slot may answer, by the map: *ret_deadline_ns (CLOCK_BOOTTIME), 0 if
 * it was never stamped. Returns 0, or a negative errno with @err: then nobody knows whether they
 * answer.
 */
int lease_stamp_read(int leases_fd, uint8_t slot, uint64_t *ret_deadline_ns, struct err *err);

#endif
