// SPDX-License-Identifier: GPL-2.0-or-later
/* Times as RFC 3339 has them, as API servers and scripts read them. */
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
