// SPDX-License-Identifier: GPL-2.0-or-later
/* The addresses' maps: additions all or nothing, changes in place, against real maps pinned in a
 * bpffs of the test's own. Rows of EACH_FAMILY() hold for IPv4 and for IPv6. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "attach.h"
#include "change.h"
#include "cleanup.h"
#include "conflict.h"
#include "device.h"
#include "entry.h"
#include "grow.h"
#include "pins_meta.h"
#include "pins_swap.h"
#include "pins.h"
#include "remover.h"

#define ROOM 1000

static char bpffs[] = "/tmp/l2resp-unit-XXXXXX";
static struct pins pins = PINS_NONE;
static struct err err;
static enum pins_family family;

#define EACH_FAMILY(name)         \
	static void name(void);   \
	Test(entry, name##_v4)    \
	{                         \
		family = PINS_V4; \
		name();           \
	}                         \
	Test(entry, name##_v6)    \
	{                         \
		family = PINS_V6; \
		name();           \
	}                         \
	static void name(void)

/* A mount namespace of our own: the file system goes when the process does, however it ends. */
static void setup(void)
{
	attach_log_setup(false);
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "unshare: %s", strerror(errno));
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_not_null(mkdtemp(bpffs));
	cr_assert_eq(mount("bpf", bpffs, "bpf", 0, NULL), 0, "mount: %s", strerror(errno));
	cr_assert_eq(pins_open_locked(bpffs, ROOM, &pins, &err), 0, "%s", err.text);
}

static void teardown(void)
{
	pins_close(&pins);
	umount(bpffs);
	rmdir(bpffs);
}

/* 198.18.0.0 + host, or 2001:db8::c612:0 + host. */
static struct address address_of(uint32_t host)
{
	struct address address = { { [10] = 0xff, [11] = 0xff } };
	uint32_t low = htonl(0xc6120000 + host);

	if (family == PINS_V6)
		address = (struct address){ { 0x20, 0x01, 0x0d, 0xb8 } };
	memcpy(address.bytes + 12, &low, sizeof(low));
	return address;
}

static struct entry_key key_of(uint32_t host)
{
	return (struct entry_key){ .address = address_of(host), .ifindex = 3 };
}

static struct entry_wanted wanted(uint32_t host, uint8_t mac_last)
{
	return (struct entry_wanted){
		.key = key_of(host),
		/* 2: a MAC given by the user; the others follow the device */
		.head = { .mac = { 2, 0, 0, 0, 0, mac_last },
			  .flags = mac_last == 2 ? ENTRY_MAC_FIXED : 0 },
	};
}

static int add(uint32_t first, uint32_t count, uint8_t mac_last, struct entry_added *added)
{
	struct entry_wanted *list = calloc(count, sizeof(*list));
	int r;

	/* backwards: the order given must not matter */
	for (uint32_t i = 0; i < count; i++)
		list[i] = wanted(first + count - 1 - i, mac_last);
	r = entry_add(&pins, list, count, NULL, added, &err);
	free(list);
	return r;
}

static size_t count_all(void)
{
	struct entry_table table;
	size_t count;

	cr_assert_eq(entry_read_all(&pins, 0, &table, &err), 0, "%s", err.text);
	count = table.count;
	entry_table_free(&table);
	return count;
}

/* Answers that the data path would have counted, on a CPU of its own. */
static void pretend_answers(uint32_t host, uint64_t answers)
{
	struct entry_key key = key_of(host);
	struct responder_v4_key key4 = { .ifindex = key.ifindex };
	struct responder_v6_key key6 = { .ifindex = key.ifindex };
	struct responder_v4_entry entry4;
	struct responder_v6_entry entry6;
	int fd = pins_responders(&pins)[family];

	if (family == PINS_V4) {
		memcpy(&key4.ip4, key.address.bytes + 12, sizeof(key4.ip4));
		cr_assert_eq(bpf_map_lookup_elem(fd, &key4, &entry4), 0);
		cr_assert(!memcmp(&entry4.key, &key4, sizeof(key4)));
		entry4.responses_sent += answers;
		cr_assert_eq(bpf_map_update_elem(fd, &key4, &entry4, BPF_EXIST), 0);
	} else {
		memcpy(key6.ip6, key.address.bytes, sizeof(key6.ip6));
		cr_assert_eq(bpf_map_lookup_elem(fd, &key6, &entry6), 0);
		cr_assert(!memcmp(&entry6.key, &key6, sizeof(key6)));
		entry6.responses_sent += answers;
		cr_assert_eq(bpf_map_update_elem(fd, &key6, &entry6, BPF_EXIST), 0);
	}
}

static struct entry_row row_of(uint32_t host)
{
	struct entry_key key = key_of(host);
	struct entry_row row = {};

	cr_assert_eq(entry_get(&pins, &key, &row, &err), 0);
	return row;
}

static uint64_t answers(uint32_t host)
{
	return row_of(host).responses_sent;
}

TestSuite(entry, .init = setup, .fini = teardown);

EACH_FAMILY(adds_what_is_absent_and_keeps_what_is_there)
{
	struct entry_added added;

	cr_assert_eq(add(0, 100, 1, &added), 0, "%s", err.text);
	cr_expect_eq(added.added, 100);
	pretend_answers(50, 7);
	cr_assert_eq(add(0, 200, 1, &added), 0, "%s", err.text);
	cr_expect_eq(added.added, 100);
	cr_expect_eq(added.present, 100);
	cr_expect_eq(count_all(), 200);
	cr_expect_eq(answers(50), 7, "a count was lost");
	cr_assert_eq(add(50, 1, 1, &added), 0);
	cr_expect_eq(added.present, 1);
	cr_expect_eq(answers(50), 7, "a count was lost");
}

EACH_FAMILY(refuses_another_mac_and_writes_nothing)
{
	struct entry_added added;

	cr_assert_eq(add(50, 1, 1, &added), 0);
	cr_expect_eq(add(50, 1, 2, &added), -EEXIST);
	cr_expect(strstr(err.text, family == PINS_V4 ? "198.18.0.50" : "2001:db8::c612:32"), "%s",
		  err.text);
	cr_expect_eq(add(0, 100, 2, &added), -EEXIST);
	cr_expect_eq(count_all(), 1);
}

EACH_FAMILY(refuses_one_address_twice_with_two_macs)
{
	struct entry_wanted list[] = { wanted(1, 1), wanted(2, 1), wanted(1, 2) };
	struct entry_added added;

	list[0].line = 10;
	list[2].line = 30;
	cr_expect_eq(entry_add(&pins, list, 3, NULL, &added, &err), -EEXIST);
	cr_expect(strstr(err.text, "line 30"), "%s", err.text);
	cr_expect_eq(count_all(), 0);
}

EACH_FAMILY(takes_one_address_twice_with_one_mac)
{
	struct entry_wanted list[] = { wanted(1, 1), wanted(1, 1) };
	struct entry_added added;

	cr_expect_eq(entry_add(&pins, list, 2, NULL, &added, &err), 0);
	cr_expect_eq(added.added, 1);
	cr_expect_eq(added.present, 0);
}

EACH_FAMILY(fills_the_map_to_the_last_place_and_no_further)
{
	struct entry_added added;

	cr_assert_eq(add(0, ROOM - 1, 1, &added), 0, "%s", err.text);
	cr_expect_eq(add(ROOM - 1, 2, 1, &added), -ENOSPC);
	cr_expect_eq(count_all(), ROOM - 1);
	cr_assert_eq(add(ROOM - 1, 1, 1, &added), 0, "%s", err.text);
	cr_expect_eq(add(ROOM, 1, 1, &added), -ENOSPC);
	cr_expect_eq(count_all(), ROOM);
}

/* More rows than a batch, and than the maps hold: whichever of them fails, none stay. */
EACH_FAMILY(writes_all_or_none)
{
	_cleanup_(cleanup_responders) int fds[PINS_FAMILIES] = { -1, -1 };
	struct entry_table table = { .count = 100000 }, found;
	const uint32_t room[PINS_FAMILIES] = { table.count - 1, table.count - 1 };

	cr_assert_eq(pins_create_responders(room, fds, &err), 0, "%s", err.text);
	table.rows = calloc(table.count, sizeof(*table.rows));
	cr_assert_not_null(table.rows);
	for (uint32_t i = 0; i < table.count; i++)
		table.rows[i].key = key_of(i);
	cr_expect_lt(responder_write_table(fds, &table, &err), 0);
	cr_assert_eq(responder_read_all(fds, 0, &found, &err), 0, "%s", err.text);
	cr_expect_eq(found.count, 0);
	entry_table_free(&found);
	table.count--;
	cr_expect_eq(responder_write_table(fds, &table, &err), 0, "%s", err.text);
	cr_assert_eq(responder_read_all(fds, 0, &found, &err), 0, "%s", err.text);
	cr_expect_eq(found.count, table.count);
	for (size_t i = 0; i < found.count; i++)
		cr_assert_eq(entry_key_compare(&found.rows[i].key, &table.rows[i].key), 0);
	entry_table_free(&found);
	cr_expect_eq(remover_remove_table(fds, &table, &err), 0, "%s", err.text);
	cr_assert_eq(responder_read_all(fds, 0, &found, &err), 0, "%s", err.text);
	cr_expect_eq(found.count, 0);
	entry_table_free(&found);
	free(table.rows);
}

EACH_FAMILY(leaves_the_agents_addresses_alone_until_their_lease_is_over)
{
	struct entry_wanted leased = wanted(1, 1);
	struct addr_range all = { address_of(0), address_of(UINT16_MAX) };
	struct lease_stamp stamp = { .deadline_ns = UINT64_MAX };
	struct entry_wanted again = wanted(1, 1);
	struct pins unreadable = pins;
	const uint32_t slot = 4;
	struct entry_added added;
	size_t deleted, left;

	unreadable.maps.fd[MAPS_LEASES] = -1;
	leased.head.lease = slot;
	cr_assert_eq(bpf_map_update_elem(pins.maps.fd[MAPS_LEASES], &slot, &stamp, BPF_ANY), 0);
	cr_assert_eq(entry_add(&pins, &leased, 1, NULL, &added, &err), 0);
	cr_expect_eq(add(1, 1, 1, &added), -EEXIST);
	cr_expect(strstr(err.text, "is announced by the agent"), "%s", err.text);
	cr_expect_eq(add(0, 3, 1, &added), -EEXIST);
	cr_expect(strstr(err.text, "is announced by the agent"), "%s", err.text);
	cr_assert_eq(add(2, 1, 1, &added), 0);
	cr_expect_lt(entry_delete(&unreadable, &all, 3, &deleted, &left, &err), 0);
	cr_expect_eq(count_all(), 2, "a lease that can't be read isn't one that is over");
	cr_expect_lt(entry_add(&unreadable, &again, 1, NULL, &added, &err), 0);
	cr_expect(strstr(err.text, "reading lease slot 4"), "%s", err.text);
	cr_assert_eq(entry_delete(&pins, &all, 3, &deleted, &left, &err), 0);
	cr_expect_eq(deleted, 1);
	cr_expect_eq(left, 1);
	cr_expect_eq(count_all(), 1);
	stamp.deadline_ns = 1;
	cr_assert_eq(bpf_map_update_elem(pins.maps.fd[MAPS_LEASES], &slot, &stamp, BPF_ANY), 0);
	cr_expect_eq(add(1, 1, 1, &added), -EEXIST);
	cr_expect(strstr(err.text, "whose lease has expired; delete it with"), "%s", err.text);
	cr_expect_eq(add(0, 3, 1, &added), -EEXIST);
	cr_expect(strstr(err.text, "whose lease has expired; delete it with"), "%s", err.text);
	cr_assert_eq(entry_delete(&pins, &all, 3, &deleted, &left, &err), 0);
	cr_expect_eq(deleted, 1);
	cr_expect_eq(left, 0);
	cr_expect_eq(count_all(), 0);
}

EACH_FAMILY(deletes_what_is_there_of_a_range)
{
	struct addr_range range = { address_of(10), address_of(500) };
	struct entry_added added;
	size_t deleted, leased;

	cr_assert_eq(add(0, 100, 1, &added), 0);
	cr_assert_eq(entry_delete(&pins, &range, 4, &deleted, &leased, &err), 0);
	cr_expect_eq(deleted, 0, "those of another interface");
	cr_assert_eq(entry_delete(&pins, &range, 3, &deleted, &leased, &err), 0);
	cr_expect_eq(deleted, 90);
	cr_expect_eq(count_all(), 10);
}

EACH_FAMILY(follows_the_device_in_place)
{
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct entry_wanted fixed_mac = wanted(2, 5), leased = wanted(3, 5);
	struct entry_added added;

	fixed_mac.head.flags = ENTRY_MAC_FIXED;
	leased.head.lease = 4;
	cr_assert_eq(add(1, 1, 1, &added), 0);
	cr_assert_eq(entry_add(&pins, &fixed_mac, 1, NULL, &added, &err), 0);
	cr_assert_eq(entry_add(&pins, &leased, 1, NULL, &added, &err), 0);
	pretend_answers(1, 42);
	cr_assert_eq(change_follow_mac(&pins, 3, mac, &err), 0, "%s", err.text);
	cr_expect(!memcmp(row_of(1).head.mac, mac, 6));
	cr_expect_eq(answers(1), 42, "a count was lost");
	cr_expect_eq(row_of(2).head.mac[5], 5, "a fixed MAC was changed");
	cr_expect_eq(row_of(3).head.mac[5], 5, "the agent changes its own");
}

EACH_FAMILY(moves_with_its_counts_even_in_a_full_map)
{
	const struct link to = { .ifindex = 9, .mac = { 2, 0, 0, 0, 0, 9 } };
	struct entry_table table;
	struct entry_added added;
	size_t moved;

	cr_assert_eq(add(0, ROOM - 1, 1, &added), 0);
	cr_assert_eq(add(ROOM - 1, 1, 2, &added), 0);
	pretend_answers(5, 11);
	cr_assert_eq(entry_read_all(&pins, 3, &table, &err), 0);
	cr_assert_eq(entry_move(&pins, &table, 3, &to, &moved, &err), 0, "%s", err.text);
	entry_table_free(&table);
	cr_expect_eq(moved, ROOM);
	cr_assert_eq(entry_read_all(&pins, 9, &table, &err), 0);
	cr_expect_eq(table.count, ROOM);
	cr_expect_eq(table.rows[5].responses_sent, 11);
	cr_expect_eq(table.rows[5].head.mac[5], 9, "the MAC of the interface");
	cr_expect_eq(table.rows[ROOM - 1].head.mac[5], 2, "a fixed MAC was changed");
	entry_table_free(&table);
	cr_expect_eq(count_all(), ROOM);
}

EACH_FAMILY(grows_with_its_counts)
{
	struct entry_added added;

	cr_assert_eq(add(0, L2RESP_FIRST_ROOM, 1, &added), 0);
	cr_expect_eq(pins.room[family], L2RESP_FIRST_ROOM);
	pretend_answers(5, 11);
	cr_assert_eq(add(L2RESP_FIRST_ROOM, 1, 1, &added), 0, "%s", err.text);
	cr_expect_eq(pins.room[family], 2 * L2RESP_FIRST_ROOM, "by one, with one address");
	cr_expect_eq(answers(5), 11, "a count was lost");
	cr_assert_eq(add(0, ROOM, 1, &added), 0, "%s", err.text);
	cr_expect_eq(pins.room[family], ROOM, "up to the bound, with many");
	cr_expect_eq(pins.room[!family], L2RESP_FIRST_ROOM, "the other family is left alone");
	cr_expect_eq(answers(5), 11, "a count was lost");
	cr_expect_eq(add(ROOM, 1, 1, &added), -ENOSPC);
	cr_assert_eq(pins_set_max_entries(&pins, 2 * ROOM, &err), 0, "%s", err.text);
	cr_assert_eq(add(ROOM, ROOM, 1, &added), 0, "%s", err.text);
	cr_expect_eq(add(2 * ROOM, 1, 1, &added), -ENOSPC);
	cr_expect_eq(count_all(), (size_t)2 * ROOM);
}

/* Writes an element of responder_v6 as bpftool can: @address, and in the value zeros but for the
 * key, or not even that. */
static void write_by_others(const struct address *address, bool with_key)
{
	struct responder_v6_key key = { .ifindex = 3 };
	struct responder_v6_entry entry = {};

	memcpy(key.ip6, address->bytes, sizeof(key.ip6));
	if (with_key)
		entry.key = key;
	cr_assert_eq(
		bpf_map_update_elem(pins_responders(&pins)[PINS_V6], &key, &entry, BPF_NOEXIST), 0);
}

/* A copy of one would be answered for, and its MAC is anybody's guess. */
Test(entry, no_growth_mends_a_damaged_one)
{
	struct entry_table table;
	struct address address;
	struct entry_added added;

	family = PINS_V6;
	address = address_of(ROOM);
	write_by_others(&address, false);
	cr_assert_eq(add(0, L2RESP_FIRST_ROOM, 1, &added), 0, "%s", err.text);
	cr_assert_eq(pins.room[PINS_V6], 2 * L2RESP_FIRST_ROOM);
	cr_assert_eq(entry_read_all(&pins, 0, &table, &err), 0, "%s", err.text);
	for (size_t i = 0; i < table.count; i++)
		cr_expect(address_compare(&table.rows[i].key.address, &address));
	cr_expect_eq(table.count, L2RESP_FIRST_ROOM);
	entry_table_free(&table);
}

Test(entry, an_ipv4_address_among_ipv6_ones_is_damaged_and_deleted)
{
	struct entry_table table;
	struct address address;
	struct entry_added added;
	size_t deleted, leased;

	family = PINS_V4;
	address = address_of(1);
	write_by_others(&address, true);
	cr_assert_eq(entry_read_all(&pins, 0, &table, &err), 0, "%s", err.text);
	cr_assert_eq(table.count, 1);
	cr_expect(table.rows[0].damaged);
	entry_table_free(&table);
	family = PINS_V6;
	cr_assert_eq(add(0, L2RESP_FIRST_ROOM + 1, 1, &added), 0, "%s", err.text);
	cr_assert_eq(pins.room[PINS_V6], 2 * L2RESP_FIRST_ROOM, "IPv6 alone grows");
	write_by_others(&address, true);
	cr_assert_eq(entry_delete(&pins, NULL, 0, &deleted, &leased, &err), 0, "%s", err.text);
	cr_expect_eq(deleted, L2RESP_FIRST_ROOM + 2);
	cr_expect_eq(count_all(), 0);
}

/* A batch that finds the map full isn't tried again for ever, with the lock held. */
Test(entry, an_ipv4_address_among_ipv6_ones_takes_room, .timeout = 60)
{
	struct address address;
	struct entry_added added;

	family = PINS_V4;
	address = address_of(1);
	write_by_others(&address, true);
	family = PINS_V6;
	cr_assert_eq(add(0, L2RESP_FIRST_ROOM, 1, &added), 0, "%s", err.text);
	cr_expect_eq(pins.room[PINS_V6], 2 * L2RESP_FIRST_ROOM);
	cr_assert_eq(entry_delete(&pins, NULL, 0, &(size_t){ 0 }, &(size_t){ 0 }, &err), 0);
	write_by_others(&address, true);
	cr_expect_eq(add(0, ROOM, 1, &added), -ENOSPC);
}

/* Adds 2001:db8::c612:1 where its entry's key has complements in these words, bits of @words. */
static int add_over_complement(unsigned int words)
{
	struct responder_v6_key key = { .ifindex = 3 };
	struct responder_v6_entry entry = {};
	struct entry_added added;
	struct address address;
	uint64_t copy[3];

	family = PINS_V6;
	address = address_of(1);
	memcpy(key.ip6, address.bytes, sizeof(key.ip6));
	entry.key = key;
	memcpy(copy, &entry, sizeof(copy));
	for (int i = 0; i < 3; i++)
		copy[i] = words & 1U << i ? ~copy[i] : copy[i];
	memcpy(&entry, copy, sizeof(copy));
	cr_assert_eq(
		bpf_map_update_elem(pins_responders(&pins)[PINS_V6], &key, &entry, BPF_NOEXIST), 0);
	return add(1, 1, 1, &added);
}

Test(entry, a_complement_is_damaged_and_replaced, .timeout = 60)
{
	cr_expect_eq(add_over_complement(7), 0, "%s", err.text);
	cr_expect_eq(count_all(), 1);
}

/* Another caller is about to remove it; one that was stopped there for good is nobody's. */
Test(entry, what_cannot_be_removed_is_told, .timeout = 60)
{
	cr_expect_eq(add_over_complement(2), -EEXIST);
	cr_expect_str_eq(err.text,
			 "2001:db8::c612:1 exists already, is damaged, and can't be removed");
}

EACH_FAMILY(adds_in_place_what_was_answered_late)
{
	struct entry_table before, after;
	struct entry_added added;

	cr_assert_eq(add(0, 3, 1, &added), 0);
	pretend_answers(1, 5);
	cr_assert_eq(entry_read_all(&pins, 0, &before, &err), 0);
	cr_assert_eq(entry_read_all(&pins, 0, &after, &err), 0);
	after.rows[1].responses_sent += 7;
	cr_assert_eq(change_add_answers(&pins, &before, &after, &err), 0, "%s", err.text);
	cr_expect_eq(answers(0), 0);
	cr_expect_eq(answers(1), 12);
	entry_table_free(&before);
	entry_table_free(&after);
}

/* The agent's lease thread adds entries to the old map, and deletes them, without the lock. */
EACH_FAMILY(adds_nothing_for_an_address_that_was_added_late_or_again)
{
	struct entry_table before, after;
	struct entry_added added;

	cr_assert_eq(add(0, 1, 1, &added), 0);
	cr_assert_eq(add(2, 2, 1, &added), 0);
	pretend_answers(2, 5);
	pretend_answers(3, 5000);
	cr_assert_eq(entry_read_all(&pins, 0, &before, &err), 0);
	cr_assert_eq(add(1, 1, 1, &added), 0);
	cr_assert_eq(entry_read_all(&pins, 0, &after, &err), 0);
	after.rows[2].responses_sent += 7;
	after.rows[3].responses_sent = 1;
	cr_assert_eq(change_add_answers(&pins, &before, &after, &err), 0, "%s", err.text);
	cr_expect_eq(answers(1), 0);
	cr_expect_eq(answers(2), 12);
	cr_expect_eq(answers(3), 5000);
	entry_table_free(&before);
	entry_table_free(&after);
}

EACH_FAMILY(leaves_a_full_map_as_it_was_where_the_other_family_has_room)
{
	struct entry_wanted *both = calloc(ROOM + 1, sizeof(*both));
	enum pins_family full = family;
	struct entry_added added;

	cr_assert_eq(add(0, 1, 1, &added), 0);
	for (uint32_t i = 0; i < ROOM; i++)
		both[i] = wanted(1 + i, 1);
	family = full == PINS_V4 ? PINS_V6 : PINS_V4;
	both[ROOM] = wanted(0, 1);
	cr_expect_eq(entry_add(&pins, both, ROOM + 1, NULL, &added, &err), -ENOSPC);
	cr_expect(strstr(err.text, full == PINS_V4 ? "IPv4" : "IPv6"), "%s", err.text);
	cr_expect_eq(count_all(), 1);
	free(both);
}

Test(entry, sorts_by_interface_then_family_then_address)
{
	static const struct {
		enum pins_family family;
		uint32_t ifindex;
		uint32_t host;
	} order[] = {
		{ PINS_V4, 3, 1 },   { PINS_V4, 3, 256 }, { PINS_V6, 3, 1 },
		{ PINS_V6, 3, 256 }, { PINS_V4, 4, 1 },	  { PINS_V6, 4, 0 },
	};
	const size_t count = sizeof(order) / sizeof(order[0]);
	struct entry_wanted list[sizeof(order) / sizeof(order[0])];
	struct entry_table table;
	struct entry_added added;

	for (size_t i = 0; i < count; i++) {
		family = order[i].family;
		list[count - 1 - i] = wanted(order[i].host, 1);
		list[count - 1 - i].key.ifindex = order[i].ifindex;
	}
	cr_assert_eq(entry_add(&pins, list, count, NULL, &added, &err), 0, "%s", err.text);
	cr_assert_eq(entry_read_all(&pins, 0, &table, &err), 0);
	cr_assert_eq(table.count, count);
	for (size_t i = 0; i < count; i++) {
		struct address expected;

		family = order[i].family;
		expected = address_of(order[i].host);
		cr_expect_eq(table.rows[i].key.ifindex, order[i].ifindex, "row %zu", i);
		cr_expect(!address_compare(&table.rows[i].key.address, &expected), "row %zu", i);
	}
	entry_table_free(&table);
}

Test(entry, refuses_another_override_flag)
{
	struct entry_wanted without, list[2];
	struct entry_added added;

	family = PINS_V6;
	without = wanted(1, 1);
	without.head.flags |= ENTRY_NO_OVERRIDE;
	list[0] = wanted(2, 1);
	list[1] = without;
	cr_assert_eq(add(1, 1, 1, &added), 0);
	cr_expect_eq(entry_add(&pins, &without, 1, NULL, &added, &err), -EEXIST);
	cr_expect(strstr(err.text, "override flag: on"), "%s", err.text);
	cr_expect_eq(entry_add(&pins, list, 2, NULL, &added, &err), -EEXIST);
	list[0] = wanted(7, 1);
	list[1] = list[0];
	list[1].head.flags |= ENTRY_NO_OVERRIDE;
	cr_expect_eq(entry_add(&pins, list, 2, NULL, &added, &err), -EEXIST);
	cr_expect(strstr(err.text, "twice"), "%s", err.text);
	cr_expect_eq(count_all(), 1);
}

Test(pins, a_second_opening_finds_the_same_maps, .init = setup, .fini = teardown)
{
	uint32_t id = pins_map_id(&pins, MAPS_RESPONDER_V4);

	pins_close(&pins);
	cr_assert_eq(pins_open_locked(bpffs, 0, &pins, &err), 0, "%s", err.text);
	cr_expect_eq(pins_map_id(&pins, MAPS_RESPONDER_V4), id);
	cr_expect_eq(pins.max_entries, ROOM);
}

Test(pins, the_bound_is_remembered, .init = setup, .fini = teardown)
{
	cr_assert_eq(pins_set_unsettled(&pins, true, &err), 0, "%s", err.text);
	cr_assert_eq(pins_set_max_entries(&pins, 2 * ROOM, &err), 0, "%s", err.text);
	pins_close(&pins);
	cr_assert_eq(pins_open_locked(bpffs, 5, &pins, &err), 0, "%s", err.text);
	cr_expect_eq(pins.max_entries, 2 * ROOM);
	cr_expect(pins.unsettled, "and changes nothing else");
}

Test(pins, a_missing_family_begins_again, .init = setup, .fini = teardown)
{
	char path[PATH_MAX];

	pins_close(&pins);
	snprintf(path, sizeof(path), "%s/xdp-l2resp/v1/responder_v6", bpffs);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(pins_open_locked(bpffs, 5, &pins, &err), 0, "%s", err.text);
	cr_expect_eq(pins.room[PINS_V6], L2RESP_FIRST_ROOM);
	cr_expect_eq(pins.max_entries, ROOM);
}

Test(pins, a_writer_completes_what_a_killed_one_left, .init = setup, .fini = teardown)
{
	char path[PATH_MAX];

	pins_close(&pins);
	snprintf(path, sizeof(path), "%s/xdp-l2resp/v1/counters", bpffs);
	cr_assert_eq(unlink(path), 0);
	cr_expect_eq(pins_open(bpffs, &pins, &err), -ENOENT);
	cr_assert_eq(pins_open_locked_existing(bpffs, &pins, &err), 0, "%s", err.text);
	cr_expect_eq(access(path, F_OK), 0);
}

Test(pins, another_layout_is_refused, .init = setup, .fini = teardown)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "leases", 4, 8, 4, NULL);
	char path[PATH_MAX];

	cr_assert_geq(fd, 0);
	pins_close(&pins);
	snprintf(path, sizeof(path), "%s/xdp-l2resp/v1/leases", bpffs);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(bpf_obj_pin(fd, path), 0);
	cr_expect_eq(pins_open(bpffs, &pins, &err), -EPROTO);
	cr_expect(strstr(err.text, "leases"), "%s", err.text);
	cr_expect_eq(pins_open_locked(bpffs, 0, &pins, &err), -EPROTO);
}

Test(pins, the_directory_is_roots_alone, .init = setup, .fini = teardown)
{
	struct stat st;

	cr_assert_eq(stat(pins.maps.dir, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0700);
}

static void conflict_add(uint32_t number, int cpu)
{
	struct conflict_key key = { .ifindex = 1, .mac = { 0x02, [5] = 1 } };
	struct conflict value = { .count = 1 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	cr_assert_eq(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
	memcpy(key.address, &number, sizeof(number));
	cr_assert_eq(bpf_map_update_elem(pins.maps.fd[MAPS_CONFLICTS], &key, &value, BPF_NOEXIST),
		     0);
}

/* Each of the other CPUs, having had one conflict, keeps elements for the next ones. */
Test(conflicts, none_is_forgotten_before_there_are_as_many_as_said, .init = setup, .fini = teardown)
{
	_cleanup_(conflict_table_free) struct conflict_table table = {};
	uint32_t number = 0;
	cpu_set_t cpus;
	int last = 0;

	cr_assert_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			conflict_add(number++, last = cpu);
	while (number < L2RESP_MAX_CONFLICTS)
		conflict_add(number++, last);
	cr_assert_eq(conflict_read_all(&pins, &table, &err), 0, "%s", err.text);
	cr_expect_eq(table.count, L2RESP_MAX_CONFLICTS, "%zu are left", table.count);
}
