// SPDX-License-Identifier: GPL-2.0-or-later
#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "inquiry.h"

static time_t boot_seconds = 1000;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock != CLOCK_BOOTTIME)
		return syscall(SYS_clock_gettime, clock, now);
	*now = (struct timespec){ .tv_sec = boot_seconds };
	return 0;
}

static void group(const struct address *addresses, size_t count, enum group_claim *ret_claims,
		  void *userdata)
{
	for (size_t i = 0; i < count; i++)
		ret_claims[i] = GROUP_NEVER;
}

static void changed(void *userdata)
{
}

static void say(int priority, const char *text, void *userdata)
{
}

static struct inquiry *inquiry;
static sd_event *event;

static void start(void)
{
	static const struct inquiry_callbacks callbacks = { group, changed, say };
	struct err err;

	cr_assert(sd_event_default(&event) >= 0);
	cr_assert_eq(inquiry_new(event, NULL, &callbacks, NULL, &inquiry, &err), 0);
}

static void stop(void)
{
	inquiry_free(inquiry);
	sd_event_unref(event);
}

TestSuite(inquiry, .init = start, .fini = stop);

/* After seconds, does a conflict make the agent give the address up? */
static const struct {
	time_t seconds;
	bool yields;
	const char *what;
} conflicts[] = {
	{ 0, true, "the first one does" },
	{ 61, false, "one frame doesn't again" },
	{ 11, false, "nor another that doesn't follow soon" },
	{ 9, true, "two do" },
	{ 599, false, "for ten minutes" },
	{ 1, true, "a second one does by then" },
	{ 601, true, "then one does again" },
};

Test(inquiry, one_frame_gives_up_an_address_once_in_ten_minutes)
{
	const struct address address = address_from_v4(&(uint32_t){ 1 });
	const uint8_t mac[ETH_ALEN] = { 2 };
	struct target before_target = { .address = address }, target = before_target;
	struct desired before = { .list = &before_target, .count = 1 };
	struct desired now = { .list = &target, .count = 1 };

	inquiry_apply(inquiry, &before, &now, false);
	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		boot_seconds += conflicts[i].seconds;
		target.probe_state = INQUIRY_FREE; /* nobody replied after the pause */
		cr_expect_eq(inquiry_yield(inquiry, &address, mac), conflicts[i].yields, "%s",
			     conflicts[i].what);
		/* what follows must be carried over to the next decision */
		before_target = target;
		target = (struct target){ .address = address };
		inquiry_apply(inquiry, &before, &now, false);
	}
}

/* Another host was found, or made this node give the address up: still so once probes are off? */
static const struct {
	uint64_t yielded_ns;
	enum inquiry_state then;
} found[] = { { 0, INQUIRY_FREE }, { 1, INQUIRY_TAKEN } };

Test(inquiry, what_a_probe_found_ends_with_the_probes)
{
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		struct target was = { .probe_state = INQUIRY_TAKEN,
				      .yielded_ns = found[i].yielded_ns,
				      .retry_ns = UINT64_MAX };
		struct target target = {};
		struct desired before = { .list = &was, .count = 1 };
		struct desired now = { .list = &target, .count = 1 };

		inquiry_apply(inquiry, &before, &now, true);
		cr_expect_eq(target.probe_state, INQUIRY_TAKEN);
		was = target;
		inquiry_apply(inquiry, &before, &now, false);
		cr_expect_eq(target.probe_state, found[i].then);
	}
}

/* Given up, then not wanted for a moment: its interface had another name. */
Test(inquiry, a_yielded_address_that_comes_back_stays_given_up)
{
	const uint8_t mac[ETH_ALEN] = { 2 };
	struct target was = { .probe_state = INQUIRY_FREE }, target = was;
	struct desired held = { .list = &was, .count = 1 }, none = {};
	struct desired again = { .list = &target, .count = 1 };

	inquiry_apply(inquiry, &none, &held, false);
	for (int conflicts = 0; conflicts < 3; conflicts++)
		cr_expect(inquiry_yield(inquiry, &was.address, mac));
	cr_expect_eq(inquiry_yields(inquiry), 1);
	inquiry_apply(inquiry, &held, &none, false);
	target = (struct target){};
	inquiry_apply(inquiry, &none, &again, false);
	cr_expect_eq(target.probe_state, INQUIRY_TAKEN);
	cr_expect_arr_eq(target.other_mac, mac, ETH_ALEN);
	/* once the pause is over, another conflict is one of those within ten minutes */
	target.probe_state = INQUIRY_FREE;
	cr_expect(!inquiry_yield(inquiry, &target.address, mac));
	inquiry_apply(inquiry, &again, &none, false);
	boot_seconds += 601;
	target = (struct target){};
	inquiry_apply(inquiry, &none, &again, false);
	cr_expect_eq(target.yielded_ns, 0);
}
