// SPDX-License-Identifier: GPL-2.0-or-later
/* The offset of the time namespace that a process is in, not of the one that its children get. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "boot_clock.h"
#include "cleanup.h"
#include "clock.h"

#define AHEAD_S 1000

/* False: the kernel has no time namespaces. */
static bool unshare_time(void)
{
	_cleanup_close_ int fd = -1;

	if (unshare(CLONE_NEWTIME) < 0)
		return false;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	cr_assert_gt(dprintf(fd, "boottime %d 0", AHEAD_S), 0);
	return true;
}

Test(boot_clock, of_a_process_that_has_not_entered_it)
{
	unshare_time();
	cr_assert_eq(boot_clock_offset_ns(), 0);
}

Test(boot_clock, of_a_process_that_has_entered_it)
{
	pid_t child;
	int status;

	if (!unshare_time())
		return;
	child = fork();
	if (!child)
		_exit(boot_clock_offset_ns() != AHEAD_S * (int64_t)CLOCK_NS_PER_S);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}
