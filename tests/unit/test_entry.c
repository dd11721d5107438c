// SPDX-License-Identifier: GPL-2.0-or-later
/* The addresses' map: additions all or nothing, changes in place, against real maps pinned in a
 * bpffs of the test's own. */
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
#include "device.h"
#include "entry.h"
#include "pins.h"

#define ROOM 1000

static char bpffs[] = "/tmp/l2resp-unit-XXXXXX";
static struct pins pins = PINS_NONE;
static struct err err;

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

static struct entry_wanted wanted(uint32_t host, uint8_t mac_last)
{
	return (struct entry_wanted){
		.key = { .ip4 = htonl(0xc6120000 + host), .ifindex = 3 },
		/* 2 stands for one that was given; the others follow the device */
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

/* Answers that the data path would have counted. */
static void pretend_answers(uint32_t host, uint64_t answers)
{
	struct responder_v4_key key = wanted(host, 0).key;
	struct responder_v4_entry entry;

	cr_assert_eq(bpf_map_lookup_elem(pins.fd[PINS_RESPONDER_V4], &key, &entry), 0);
	entry.responses_sent[1] += answers;
	cr_assert_eq(bpf_map_update_elem(pins.fd[PINS_RESPONDER_V4], &key, &entry, BPF_EXIST), 0);
}

static uint64_t answers(uint32_t host)
{
	struct responder_v4_entry entry;

	cr_assert_eq(entry_get(&pins, wanted(host, 0).key.ip4, 3, &entry, &err), 0);
	return entry_responses(&entry);
}

TestSuite(entry, .init = setup, .fini = teardown);

Test(entry, adds_what_is_absent_and_keeps_what_is_there)
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

Test(entry, refuses_another_mac_and_writes_nothing)
{
	struct entry_added added;

	cr_assert_eq(add(50, 1, 1, &added), 0);
	cr_expect_eq(add(50, 1, 2, &added), -EEXIST);
	cr_expect(strstr(err.text, "198.18.0.50"), "%s", err.text);
	cr_expect_eq(add(0, 100, 2, &added), -EEXIST);
	cr_expect_eq(count_all(), 1);
}

Test(entry, refuses_one_address_twice_with_two_macs)
{
	struct entry_wanted list[] = { wanted(1, 1), wanted(2, 1), wanted(1, 2) };
	struct entry_added added;

	list[0].line = 10;
	list[2].line = 30;
	cr_expect_eq(entry_add(&pins, list, 3, NULL, &added, &err), -EEXIST);
	cr_expect(strstr(err.text, "line 30"), "%s", err.text);
	cr_expect_eq(count_all(), 0);
}

Test(entry, takes_one_address_twice_with_one_mac)
{
	struct entry_wanted list[] = { wanted(1, 1), wanted(1, 1) };
	struct entry_added added;

	cr_expect_eq(entry_add(&pins, list, 2, NULL, &added, &err), 0);
	cr_expect_eq(added.added, 1);
	cr_expect_eq(added.present, 1);
}

Test(entry, fills_the_map_to_the_last_place_and_no_further)
{
	struct entry_added added;

	cr_assert_eq(add(0, ROOM - 1, 1, &added), 0, "%s", err.text);
	cr_expect_eq(add(ROOM - 1, 2, 1, &added), -ENOSPC);
	cr_expect_eq(count_all(), ROOM - 1);
	cr_assert_eq(add(ROOM - 1, 1, 1, &added), 0, "%s", err.text);
	cr_expect_eq(add(ROOM, 1, 1, &added), -ENOSPC);
	cr_expect_eq(count_all(), ROOM);
}

Test(entry, leaves_the_agents_addresses_alone)
{
	struct entry_wanted leased = wanted(1, 1);
	struct addr_range all = { 0, UINT32_MAX };
	struct entry_added added;
	size_t deleted, left;

	leased.head.lease = 4;
	cr_assert_eq(entry_add(&pins, &leased, 1, NULL, &added, &err), 0);
	cr_expect_eq(add(1, 1, 1, &added), -EEXIST);
	cr_expect_eq(add(0, 3, 1, &added), -EEXIST);
	cr_assert_eq(add(2, 1, 1, &added), 0);
	cr_assert_eq(entry_delete(&pins, &all, 3, &deleted, &left, &err), 0);
	cr_expect_eq(deleted, 1);
	cr_expect_eq(left, 1);
	cr_expect_eq(count_all(), 1);
}

Test(entry, deletes_what_is_there_of_a_range)
{
	struct addr_range range = { 0xc6120000 + 10, 0xc6120000 + 500 };
	struct entry_added added;
	size_t deleted, leased;

	cr_assert_eq(add(0, 100, 1, &added), 0);
	cr_assert_eq(entry_delete(&pins, &range, 4, &deleted, &leased, &err), 0);
	cr_expect_eq(deleted, 0, "those of another interface");
	cr_assert_eq(entry_delete(&pins, &range, 3, &deleted, &leased, &err), 0);
	cr_expect_eq(deleted, 90);
	cr_expect_eq(count_all(), 10);
}

Test(entry, follows_the_device_in_place)
{
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct entry_wanted fixed_mac = wanted(2, 5);
	struct responder_v4_entry entry;
	struct entry_added added;

	fixed_mac.head.flags = ENTRY_MAC_FIXED;
	cr_assert_eq(add(1, 1, 1, &added), 0);
	cr_assert_eq(entry_add(&pins, &fixed_mac, 1, NULL, &added, &err), 0);
	pretend_answers(1, 42);
	cr_assert_eq(entry_follow_mac(&pins, 3, mac, &err), 0, "%s", err.text);
	cr_assert_eq(entry_get(&pins, wanted(1, 0).key.ip4, 3, &entry, &err), 0);
	cr_expect(!memcmp(entry.head.mac, mac, 6));
	cr_expect_eq(entry_responses(&entry), 42, "a count was lost");
	cr_assert_eq(entry_get(&pins, wanted(2, 0).key.ip4, 3, &entry, &err), 0);
	cr_expect_eq(entry.head.mac[5], 5, "a fixed MAC was changed");
}

Test(entry, moves_with_its_counts_even_in_a_full_map)
{
	struct entry_table table;
	struct entry_added added;
	size_t moved;

	cr_assert_eq(add(0, ROOM, 1, &added), 0);
	pretend_answers(5, 11);
	cr_assert_eq(entry_read_all(&pins, 3, &table, &err), 0);
	cr_assert_eq(entry_move(&pins, &table, 3, 9, &moved, &err), 0, "%s", err.text);
	entry_table_free(&table);
	cr_expect_eq(moved, ROOM);
	cr_assert_eq(entry_read_all(&pins, 9, &table, &err), 0);
	cr_expect_eq(table.count, ROOM);
	cr_expect_eq(entry_responses(&table.rows[5].value), 11);
	entry_table_free(&table);
	cr_expect_eq(count_all(), ROOM);
}

Test(pins, a_second_opening_finds_the_same_maps, .init = setup, .fini = teardown)
{
	uint32_t id = pins_map_id(&pins, PINS_RESPONDER_V4);

	pins_close(&pins);
	cr_assert_eq(pins_open_locked(bpffs, 0, &pins, &err), 0, "%s", err.text);
	cr_expect_eq(pins_map_id(&pins, PINS_RESPONDER_V4), id);
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

	cr_assert_eq(stat(pins.dir, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0700);
}
