// SPDX-License-Identifier: GPL-2.0-or-later
/* Announcements on interfaces that come and go, as those of containers do. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <criterion/criterion.h>

#include "announcer.h"
#include "clock.h"

#define INTERFACES 5000
#define ADDRESSES  5000

/* In place of agent/node/program.c: no entry answers. */
void program_follow(struct program *program)
{
}

bool program_answers(struct program *program, const struct address *address, uint32_t ifindex,
		     uint8_t ret_mac[ETH_ALEN])
{
	return false;
}

/* CPU time to queue many addresses on one interface, and to find that nothing is to be sent: the
 * least of several times, since interrupts count, too. */
static uint64_t announce_many(struct announcer *announcer, sd_event *event)
{
	uint64_t least_ns = UINT64_MAX;

	for (int round = 0; round < 5; round++) {
		uint64_t begun_ns = clock_thread_cpu_ns(), took_ns;

		for (uint32_t i = 0; i < ADDRESSES; i++)
			announcer_add(announcer, &(struct address){ .bytes = { 0x20, i >> 8, i } },
				      1, ANNOUNCER_TAKEOVER);
		while (sd_event_run(event, 0) > 0)
			;
		took_ns = clock_thread_cpu_ns() - begun_ns;
		least_ns = took_ns < least_ns ? took_ns : least_ns;
	}
	return least_ns;
}

Test(announcer, interfaces_that_are_gone_take_no_time)
{
	struct announcer *announcer;
	struct links *links;
	sd_event *event;
	uint64_t before_ns, after_ns;
	struct err err;

	cr_assert_eq(unshare(CLONE_NEWNET), 0, "unshare: %s", strerror(errno));
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(links_new(NULL, NULL, NULL, NULL, &links, &err), 0, "%s", err.text);
	cr_assert_eq(announcer_new(event, links, NULL, &announcer, &err), 0, "%s", err.text);
	announcer_configure(announcer, 3, CLOCK_NS_PER_S, 1000);
	before_ns = announce_many(announcer, event);
	for (uint32_t i = 0; i < INTERFACES; i++)
		announcer_add(announcer, &(struct address){}, 2 + i, ANNOUNCER_TAKEOVER);
	while (sd_event_run(event, 0) > 0)
		;
	after_ns = announce_many(announcer, event);
	cr_expect_lt(after_ns, 5 * before_ns, "%llu us, before %llu us",
		     (unsigned long long)after_ns / 1000, (unsigned long long)before_ns / 1000);
	announcer_free(announcer);
	links_free(links);
	sd_event_unref(event);
}
