// SPDX-License-Identifier: GPL-2.0-or-later
/* Ten lines of a kind in ten seconds, then how many were left out; and the rates of what is written
 * for others. */
#include <syslog.h>
#include <criterion/criterion.h>

#include "clock.h"
#include "log.h"
#include "rate.h"
#include "said.h"

#define LINES	10
#define SECONDS 10

static struct log_limit limit;

TestSuite(log_limit, .init = said_begin);

static void say(unsigned int lines)
{
	for (unsigned int i = 0; i < lines; i++)
		log_limited(&limit, LOG_INFO, "line");
}

Test(log_limit, tells_how_many_were_left_out)
{
	say(LINES + 5);
	cr_assert_eq(said("line\n"), LINES);
	boot_seconds += SECONDS - 1;
	log_limit_tick(&limit, LOG_INFO);
	cr_assert_eq(said("more"), 0, "too early");
	say(1);
	cr_assert_eq(said("line\n"), LINES);
	boot_seconds++;
	log_limit_tick(&limit, LOG_INFO);
	cr_assert_eq(said("and 6 more like these\n"), 1);
	boot_seconds += SECONDS;
	log_limit_tick(&limit, LOG_INFO);
	cr_assert_eq(said("more"), 1, "once");
	say(LINES + 1);
	cr_assert_eq(said("line\n"), 2 * LINES);
	boot_seconds += SECONDS;
	log_limit_tick(&limit, LOG_INFO);
	cr_assert_eq(said("and 1 more like these\n"), 1);
}

Test(log_limit, tells_it_before_the_next_line)
{
	say(LINES + 2);
	boot_seconds += SECONDS;
	say(1);
	cr_assert_eq(said("and 2 more like these\nxdp-l2respd: line\n"), 1);
}

Test(log_limit, nothing_was_left_out)
{
	say(LINES);
	boot_seconds += SECONDS;
	log_limit_tick(&limit, LOG_INFO);
	cr_assert_eq(said("more"), 0);
	say(LINES);
	cr_assert_eq(said("line\n"), 2 * LINES);
}

Test(log_limit, the_same_error_once_a_minute)
{
	for (unsigned int i = 0; i < 2 * LINES; i++)
		log_limited(&limit, LOG_ERR, "the same");
	cr_assert_eq(said("the same\n"), 1);
	log_limited(&limit, LOG_ERR, "another");
	boot_seconds += 59;
	log_limited(&limit, LOG_ERR, "the same");
	cr_assert_eq(said("the same\n"), 1);
	boot_seconds++;
	log_limited(&limit, LOG_ERR, "the same");
	cr_assert_eq(said("the same\n"), 2);
	cr_assert_eq(said("more"), 0, "it isn't left out: it was said");
}

Test(log_limit, an_error_that_ends_and_begins)
{
	for (unsigned int i = 0; i < LINES + 3; i++)
		log_alternating(&limit, LOG_ERR, "the same");
	cr_assert_eq(said("the same\n"), LINES);
	boot_seconds += SECONDS;
	log_limit_tick(&limit, LOG_ERR);
	cr_assert_eq(said("and 3 more like these\n"), 1);
}

Test(log_limit, warnings)
{
	for (unsigned int i = 0; i < LINES + 4; i++)
		log_warn("careful");
	cr_assert_eq(said("careful\n"), LINES);
	boot_seconds += SECONDS;
	log_tick();
	cr_assert_eq(said("and 4 more like these\n"), 1);
}

Test(rate, a_burst_and_then_one_per_interval)
{
	static const struct rate rate = { .interval_ns = 7 * CLOCK_NS_PER_S, .burst = 3 };
	uint64_t spent_ns = 0, now_ns = 100 * CLOCK_NS_PER_S;

	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < rate.burst; i++) {
			cr_assert_leq(rate_due(&rate, spent_ns), now_ns);
			rate_spend(&rate, &spent_ns, now_ns);
		}
		for (unsigned int i = 0; i < 2; i++) {
			cr_assert_eq(rate_due(&rate, spent_ns), now_ns + rate.interval_ns);
			now_ns += rate.interval_ns;
			rate_spend(&rate, &spent_ns, now_ns);
		}
		/* the pause gives no more than the burst */
		now_ns += 100 * rate.interval_ns;
	}
}
