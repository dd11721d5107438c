// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "said.h"

time_t boot_seconds = 1000;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock != CLOCK_BOOTTIME)
		return syscall(SYS_clock_gettime, clock, now);
	*now = (struct timespec){ .tv_sec = boot_seconds };
	return 0;
}

void said_begin(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

unsigned int said(const char *text)
{
	static char log[1 << 16];
	ssize_t size = pread(STDERR_FILENO, log, sizeof(log) - 1, 0);
	unsigned int count = 0;

	cr_assert(size >= 0 && size < (ssize_t)sizeof(log) - 1);
	log[size] = '\0';
	for (const char *at = log; (at = strstr(at, text)); at++)
		count++;
	return count;
}
