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
#include "pins.h"

#define S	 1000000000ULL
#define DURATION (600 * S)
/* A deadline that is ahead as long as a test may take, and no further than a lease lasts. */
#define AHEAD (DURATION - S)

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
	cr_assert_eq(lease_stamper_new(pins.maps.fd[MAPS_LEASES], DURATION, &stamper, &err), 0,
		     "%s", err.text);
}

static void teardown(void)
{
	lease_stamper_free(stamper);
	pins_close(&pins);
	umount(bpffs);
	rmdir(bpffs);
}

static uint64_t stamp_of(uint8_t slot)
{
	uint64_t deadline;

	cr_assert_eq(lease_stamp_read(pins.maps.fd[MAPS_LEASES], slot, &deadline, &err), 0, "%s",
		     err.text);
	return deadline;
}

TestSuite(lease_stamp, .init = setup, .fini = teardown);

Test(lease_stamp, holds_the_deadline_that_was_given)
{
	uint64_t deadline = clock_boot_ns() + AHEAD;

	cr_expect_eq(stamp_of(3), 0, "never stamped");
	cr_assert_eq(lease_stamp_write(stamper, 3, deadline, &err), 0, "%s", err.text);
	cr_expect_eq(stamp_of(3), deadline);
	cr_expect_eq(stamp_of(4), 0, "another slot");
	cr_assert_eq(lease_stamp_write(stamper, 255, deadline, &err), 0, "%s", err.text);
}

Test(lease_stamp, refuses_what_is_past_and_writes_nothing)
{
	uint64_t deadline = clock_boot_ns() + AHEAD;

	cr_assert_eq(lease_stamp_write(stamper, 3, deadline, &err), 0);
	cr_expect_eq(lease_stamp_write(stamper, 3, clock_boot_ns(), &err), -ETIME);
	cr_expect_eq(lease_stamp_write(stamper, 3, 0, &err), -ETIME);
	cr_expect_eq(stamp_of(3), deadline);
}

Test(lease_stamp, leaves_the_slot_for_ever_alone)
{
	uint64_t before = stamp_of(0);

	cr_expect_eq(lease_stamp_write(stamper, 0, clock_boot_ns() + AHEAD, &err), -EINVAL);
	cr_expect_eq(stamp_of(0), before);
}

Test(lease_stamp, refuses_what_is_further_ahead_than_a_lease_lasts)
{
	uint64_t deadline = clock_boot_ns() + AHEAD;

	cr_assert_eq(lease_stamp_write(stamper, 3, deadline, &err), 0);
	cr_expect_eq(lease_stamp_write(stamper, 3, deadline + DURATION, &err), -ERANGE);
	cr_expect_eq(lease_stamp_write(stamper, 3, UINT64_MAX, &err), -ERANGE);
	cr_expect_eq(stamp_of(3), deadline);
}

Test(lease_stamp, that_cannot_be_read_is_an_error)
{
	uint64_t deadline = 7;

	cr_expect_eq(lease_stamp_read(-1, 3, &deadline, &err), -EBADF);
	cr_expect_eq(deadline, 7);
	cr_expect(strstr(err.text, "reading lease slot 3"), "%s", err.text);
}
