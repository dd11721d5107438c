// SPDX-License-Identifier: GPL-2.0-or-later
/* Other maps are pinned in the place of those that stamps were written to, while the kernel refuses
 * one of the keeper's requests: once it refuses none, stamps go to the pinned map. */
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include <systemd/sd-event.h>

#include "attach.h"
#include "clock.h"
#include "lease.h"
#include "lease_keeper.h"
#include "lease_stamp.h"
#include "pins.h"

#define S	  1000000000ULL
#define DURATION  (600 * S)
#define SLOT	  3
#define ARGUMENTS 6

static char bpffs[] = "/tmp/l2resp-unit-XXXXXX";
static struct pins pins = PINS_NONE;
static sd_event *event;
static struct keeper *keeper;
static struct err err;
static unsigned int requests, refused; /* of bpf(); the number of the one that fails */

/* As libbpf calls it. */
long syscall(long number, ...)
{
	long (*next)(long, ...) = dlsym(RTLD_NEXT, "syscall");
	long argument[ARGUMENTS];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < ARGUMENTS; i++)
		argument[i] = va_arg(args, long);
	va_end(args);
	if (number == __NR_bpf && ++requests == refused) {
		errno = EPERM;
		return -1;
	}
	return next(number, argument[0], argument[1], argument[2], argument[3], argument[4],
		    argument[5]);
}

static void pin(void)
{
	cr_assert_eq(pins_open_locked(bpffs, 16, &pins, &err), 0, "%s", err.text);
}

static void replace(void)
{
	cr_assert_eq(pins_remove(&pins, &err), 0, "%s", err.text);
	pins_close(&pins);
	pin();
}

static int stamp(uint64_t *ret_deadline_ns)
{
	*ret_deadline_ns = clock_boot_ns() + DURATION / 2;
	return keeper_callbacks.stamp(SLOT, *ret_deadline_ns, keeper);
}

static uint64_t stamped(void)
{
	uint64_t deadline_ns;

	cr_assert_eq(lease_stamp_read(pins.maps.fd[MAPS_LEASES], SLOT, &deadline_ns, &err), 0);
	return deadline_ns;
}

static void setup(void)
{
	static const struct keeper_events none;

	attach_log_setup(false);
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "unshare: %s", strerror(errno));
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_not_null(mkdtemp(bpffs));
	cr_assert_eq(mount("bpf", bpffs, "bpf", 0, NULL), 0, "mount: %s", strerror(errno));
	pin();
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(keeper_new(event, bpffs, &none, NULL, &keeper, &err), 0, "%s", err.text);
	cr_assert_eq(keeper_expect_stamps(keeper, DURATION, &err), 0, "%s", err.text);
}

static void teardown(void)
{
	keeper_free(keeper);
	sd_event_unref(event);
	pins_close(&pins);
	umount(bpffs);
	rmdir(bpffs);
}

TestSuite(keeper, .init = setup, .fini = teardown);

Test(keeper, stamps_the_map_that_is_pinned)
{
	unsigned int failures = 0;
	uint64_t deadline_ns;

	for (unsigned int number = 1;; number++) {
		int r;

		replace();
		requests = 0;
		refused = number;
		r = stamp(&deadline_ns);
		refused = 0;
		if (requests < number)
			break;
		failures += r < 0;
		cr_assert(r < 0 || stamped() == deadline_ns, "request %u", number);
		cr_assert_eq(stamp(&deadline_ns), 0, "request %u", number);
		cr_assert_eq(stamped(), deadline_ns, "request %u", number);
	}
	cr_assert_gt(failures, 0);
	cr_assert_eq(stamped(), deadline_ns);
}
