// SPDX-License-Identifier: GPL-2.0-or-later
/* What the main loop does at the end of a turn, with the maps of a bpffs of the test's own. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "attach.h"
#include "device_table.h"
#include "pins.h"
#include "program.h"

static char bpffs[] = "/tmp/l2resp-unit-XXXXXX";
static const struct link lo = { .ifindex = 1, .name = "lo" };
static struct program *program;
static struct err err;

static void setup(void)
{
	struct pins pins = PINS_NONE;

	attach_log_setup(false);
	cr_assert_eq(unshare(CLONE_NEWNS | CLONE_NEWNET), 0, "unshare: %s", strerror(errno));
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_not_null(mkdtemp(bpffs));
	cr_assert_eq(mount("bpf", bpffs, "bpf", 0, NULL), 0, "mount: %s", strerror(errno));
	cr_assert_eq(pins_open_locked(bpffs, 0, &pins, &err), 0, "%s", err.text);
	cr_assert_eq(device_write(&pins, &lo, 0, &err), 0, "%s", err.text);
	pins_close(&pins);
	cr_assert_eq(program_new(bpffs, NULL, &program, &err), 0, "%s", err.text);
}

static void teardown(void)
{
	program_free(program);
	umount(bpffs);
	rmdir(bpffs);
}

/* The end of a turn in which this process can open no file, and so no socket. */
static void end_without_files(void)
{
	struct rlimit limit, none;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_max = limit.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	program_end(program);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void end(void)
{
	cr_assert_eq(program_begin(program, &err), 0, "%s", err.text);
	program_end(program);
}

TestSuite(program, .init = setup, .fini = teardown);

/* Whose filters @touch says are due: they fail, and are set later. */
static void fails_then_is_set(void (*touch)(void))
{
	cr_assert_eq(program_begin(program, &err), 0, "%s", err.text);
	touch();
	end_without_files();
	cr_expect_not(program_touched(program), "not in each turn");
	program_retry_filters(program);
	cr_expect(program_touched(program));
	end();
	cr_expect_not(program_touched(program));
	program_retry_filters(program);
	cr_expect_not(program_touched(program));
}

static void touch_one(void)
{
	program_touch(program, lo.ifindex, true, false);
}

static void touch_all(void)
{
	program_touch_all(program);
}

Test(program, filters_that_fail_are_set_later)
{
	fails_then_is_set(touch_one);
}

Test(program, so_are_those_of_all_interfaces)
{
	fails_then_is_set(touch_all);
}
