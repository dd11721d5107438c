// SPDX-License-Identifier: GPL-2.0-or-later
/* Stamps, written by the real program into a real map, read as the data path does. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "attach.h"
#include "clock.h"
#include "lease_stamp.h"

#define MS 1000000ULL
#define S  (1000 * MS)

static char bpffs[] = "/tmp/l2resp-unit-XXXXXX";
static struct pins pins = PINS_NONE;
static struct lease_stamper *stamper;
static struct err err;

static void setup(void)
{
	attach_log_setup(false);
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "unshare: %s", strerror(errno));
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_not_null(mkdtemp(bpffs));
	cr_assert_eq(mount("bpf", bpffs, "bpf", 0, NULL), 0, "mount: %s", strerror(errno));
	cr_assert_eq(pins_open_locked(bpffs, 16, &pins, &err), 0, "%s", err.text);
	cr_assert_eq(lease_stamper_new(pins.fd[PINS_LEASES], 2 * S, &stamper, &err), 0, "%s",
		     err.text);
}

static void teardown(void)
{
	lease_stamper_free(stamper);
	pins_close(&pins);
	umount(bpffs);
	rmdir(bpffs);
}

static struct lease_stamp stamp_of(uint32_t slot)
{
	struct lease_stamp stamp;

	cr_assert_eq(bpf_map_lookup_elem(pins.fd[PINS_LEASES], &slot, &stamp), 0);
	return stamp;
}

TestSuite(lease_stamp, .init = setup, .fini = teardown);

Test(lease_stamp, holds_the_deadline_that_was_given)
{
	uint64_t deadline = clock_boot_ns() + 5 * S;

	cr_expect_eq(lease_stamp_read(pins.fd[PINS_LEASES], 3), 0, "never stamped");
	cr_assert_eq(lease_stamp_write(stamper, 3, deadline, &err), 0, "%s", err.text);
	cr_expect_eq(lease_stamp_read(pins.fd[PINS_LEASES], 3), deadline);
	cr_expect_eq(lease_stamp_read(pins.fd[PINS_LEASES], 4), 0, "another slot");
	cr_assert_eq(lease_stamp_write(stamper, 255, deadline, &err), 0, "%s", err.text);
}

Test(lease_stamp, refuses_what_is_past_and_writes_nothing)
{
	uint64_t deadline = clock_boot_ns() + 5 * S;

	cr_assert_eq(lease_stamp_write(stamper, 3, deadline, &err), 0);
	cr_expect_eq(lease_stamp_write(stamper, 3, clock_boot_ns(), &err), -ETIME);
	cr_expect_eq(lease_stamp_write(stamper, 3, 0, &err), -ETIME);
	cr_expect_eq(lease_stamp_read(pins.fd[PINS_LEASES], 3), deadline);
}

Test(lease_stamp, leaves_the_slot_for_ever_alone)
{
	uint64_t before = stamp_of(0).deadline_ns;

	cr_expect_eq(lease_stamp_write(stamper, 0, clock_boot_ns() + S, &err), -EINVAL);
	cr_expect_eq(stamp_of(0).deadline_ns, before);
}

/* From then on a second reading of the clocks bounds HZ; no matter how much later. */
#define SECOND_READING_US 300000

/* Writes with a deadline in @ahead_ns, waits until the jiffies reach what the stamp says, and
 * returns how long that took. */
static uint64_t fresh_for(uint64_t ahead_ns)
{
	uint64_t began = clock_boot_ns();
	struct lease_stamp probe = {}, stamp;

	cr_assert_eq(lease_stamp_write(stamper, 1, began + ahead_ns, &err), 0, "%s", err.text);
	stamp = stamp_of(1);
	/* A stamp of slot 2 that is too near for any jiffies tells what they are now. Where it's
	 * past before it is written, other work had the processor. */
	while (probe.fresh_jiffies < stamp.fresh_jiffies) {
		if (!lease_stamp_write(stamper, 2, clock_boot_ns() + 50 * MS, &err))
			probe = stamp_of(2);
		cr_assert_lt(clock_boot_ns() - began, 60 * S, "%s", err.text);
	}
	return clock_boot_ns() - began;
}

/* The least of several such times: on a machine that is busy one may be seen late. Ends with the
 * first below @enough_ns. */
static uint64_t least_fresh_for(uint64_t ahead_ns, uint64_t enough_ns)
{
	uint64_t took = UINT64_MAX;

	for (int i = 0; i < 5 && took >= enough_ns; i++) {
		uint64_t once = fresh_for(ahead_ns);

		took = once < took ? once : took;
	}
	return took;
}

Test(lease_stamp, goes_by_the_jiffies_until_shortly_before_the_deadline)
{
	uint64_t took;

	usleep(SECOND_READING_US);
	took = least_fresh_for(800 * MS, 715 * MS);
	cr_expect_lt(took, 715 * MS, "%llu ms", took / MS);
	cr_expect_gt(took, 500 * MS, "%llu ms", took / MS);
}

Test(lease_stamp, goes_by_the_jiffies_no_longer_than_it_was_told)
{
	uint64_t took;

	usleep(SECOND_READING_US);
	took = least_fresh_for(60 * S, 2015 * MS);
	cr_expect_lt(took, 2015 * MS, "%llu ms", took / MS);
	cr_expect_gt(took, 1600 * MS, "%llu ms", took / MS);
}

Test(lease_stamp, goes_by_the_boot_clock_alone_while_hz_is_unknown)
{
	cr_expect_lt(least_fresh_for(5 * S, 15 * MS), 15 * MS);
}
