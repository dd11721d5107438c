// SPDX-License-Identifier: GPL-2.0-or-later
#include <criterion/criterion.h>

#include "no_room.h"

#define SECOND_NS 1000000000ULL

static struct address numbered(uint8_t number)
{
	return address_from_v4(&(uint32_t){ number });
}

static size_t lacking(const struct no_room *no_room)
{
	size_t count = 0;

	for (uint8_t i = 0; i < 10; i++) {
		struct address address = numbered(i);

		count += no_room_is(no_room, &address, 0, NULL);
	}
	return count;
}

static struct no_room *with_ten(const struct err *why)
{
	struct no_room *no_room = no_room_new();

	for (uint8_t i = 0; i < 10; i++) {
		struct address address = numbered(i);

		no_room_note(no_room, &address, 1, true);
	}
	cr_assert(!lacking(no_room) && !no_room_changed(no_room), "the maps may grow");
	no_room_decided(no_room, why);
	cr_assert(lacking(no_room) == 10 && no_room_changed(no_room));
	return no_room;
}

Test(no_room, as_many_are_tried_again_as_there_is_room_for)
{
	const size_t four[PINS_FAMILIES] = { [PINS_V4] = 4 }, none[PINS_FAMILIES] = {};
	const struct err why = { .text = "full" };
	struct no_room *no_room = with_ten(&why);

	no_room_retry(no_room, none, 1);
	cr_assert_eq(lacking(no_room), 10);
	no_room_retry(no_room, four, 1);
	cr_assert_eq(lacking(no_room), 6);
	cr_assert_str_eq(no_room_why(no_room)->text, "full");
	no_room_decided(no_room, NULL);
	cr_assert(!lacking(no_room) && !no_room_why(no_room) && no_room_changed(no_room));
	no_room_free(no_room);
}

/* From one try in vain to the next, in s. */
static const unsigned int pauses[] = { 5, 10, 20, 40, 80, 160, 300, 300 };

Test(no_room, tries_in_vain_become_rare)
{
	const size_t room[PINS_FAMILIES] = { [PINS_V4] = 10 };
	const struct err why = { .text = "no memory" };
	struct no_room *no_room = with_ten(&why);
	struct address address = numbered(3);
	uint64_t now_ns = SECOND_NS;

	no_room_retry(no_room, room, now_ns);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		cr_assert_eq(lacking(no_room), 0);
		no_room_note(no_room, &address, 1, true);
		now_ns += pauses[i] * SECOND_NS;
		no_room_retry(no_room, room, now_ns - 1);
		cr_assert_eq(lacking(no_room), 1, "%u s", pauses[i]);
		no_room_retry(no_room, room, now_ns);
	}
	cr_assert_eq(lacking(no_room), 0);
	no_room_retry(no_room, room, now_ns + 300 * SECOND_NS);
	no_room_free(no_room);
}

Test(no_room, an_address_may_lack_it_on_some_interfaces)
{
	const struct err why = { .text = "full" };
	struct no_room *no_room = with_ten(&why);
	struct address address = numbered(0);
	struct err told;

	no_room_note(no_room, &address, 2, true);
	no_room_note(no_room, &address, 1, false);
	cr_assert(!no_room_is(no_room, &address, 1, NULL));
	cr_assert(no_room_is(no_room, &address, 2, &told));
	cr_assert_str_eq(told.text, "full");
	no_room_forget(no_room, &address);
	cr_assert(!no_room_is(no_room, &address, 0, NULL));
	no_room_free(no_room);
}

Test(no_room, an_interface_that_is_not_wanted_any_more_lacks_none)
{
	const struct err why = { .text = "full" };
	const struct selected on[] = { { .ifindex = 1 }, { .ifindex = 2 } };
	struct address address = numbered(0);
	struct no_room *no_room = with_ten(&why);

	no_room_note(no_room, &address, 2, true);
	no_room_note(no_room, &address, 3, true);
	no_room_follow(no_room, &address, on, 2);
	cr_expect(no_room_is(no_room, &address, 1, NULL));
	cr_expect(no_room_is(no_room, &address, 2, NULL));
	cr_expect(!no_room_is(no_room, &address, 3, NULL));
	no_room_follow(no_room, &address, on, 0);
	cr_expect_eq(lacking(no_room), 9);
	cr_expect(no_room_changed(no_room));
	no_room_free(no_room);
}
