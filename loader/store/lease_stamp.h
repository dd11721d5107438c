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
 * Loads the program that writes stamps into the map leases, open as @leases_fd. Between
 * stamps the data path goes by the jiffies for at most @fresh_ns: a little more than the time to
 * the next stamp. That is also how long a machine that was suspended past a stamp's end may answer
 * when it resumes. The caller frees *ret_stamper. Errors with @err.
 */
int lease_stamper_new(int leases_fd, uint64_t fresh_ns, struct lease_stamper **ret_stamper,
		      struct err *err);
void lease_stamper_free(struct lease_stamper *stamper);

/*
 * Entries of @slot (not 0) may answer until @deadline_ns (CLOCK_BOOTTIME). -ETIME: that is past,
 * and nothing was written; -EINVAL: no such slot; other errors from the kernel; each with @err.
 */
int lease_stamp_write(struct lease_stamper *stamper, uint8_t slot, uint64_t deadline_ns,
		      struct err *err);

/* Until when the entries of @slot may answer, by the map (CLOCK_BOOTTIME, ns); 0: never stamped. */
uint64_t lease_stamp_read(int leases_fd, uint8_t slot);

#endif
