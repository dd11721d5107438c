// SPDX-License-Identifier: GPL-2.0-or-later
/* Times as RFC 3339 has them, as API servers and scripts read them; and how two clocks differ. */
#include <sys/syscall.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "clock.h"

Test(clock, a_time_has_as_many_digits_as_asked_for)
{
	const struct timespec when = { 1772326861, 12345678 };
	char text[CLOCK_TEXT_SIZE];

	cr_assert_str_eq(clock_format(&when, 0, text), "2026-03-01T01:01:01Z");
	cr_assert_str_eq(clock_format(&when, 6, text), "2026-03-01T01:01:01.012345Z");
	cr_assert_str_eq(clock_format(&when, 9, text), "2026-03-01T01:01:01.012345678Z");
}

static uint64_t played_ns; /* 0: the clocks aren't played */
static int held_up;	   /* so many reads of the wall clock come a second late */

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
	if (!played_ns)
		return syscall(SYS_clock_gettime, id, ret_time);
	if (id == CLOCK_REALTIME && held_up-- > 0)
		played_ns += CLOCK_NS_PER_S;
	played_ns += 100;
	*ret_time = (struct timespec){ .tv_sec = played_ns / CLOCK_NS_PER_S,
				       .tv_nsec = played_ns % CLOCK_NS_PER_S };
	ret_time->tv_sec += id == CLOCK_REALTIME ? 1772326861 : 0;
	return 0;
}

Test(clock, who_is_held_up_between_two_clocks_reads_them_again)
{
	held_up = 3;
	played_ns = 1;
	cr_expect_eq(clock_boot_to_wall_ns(), 1772326861000000100);
	played_ns = 0;
}
