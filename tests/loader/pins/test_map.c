// SPDX-License-Identifier: GPL-2.0-or-later
/* A visit of a map while elements are deleted; a map that can't be read isn't taken as empty;
 * nor is /proc.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "cleanup.h"
#include "device.h"
#include "filter.h"
#include "map.h"
#include "origin.h"
#include "prog.h"
#include "vlan.h"

/* more than the walk reads at a time */
#define ELEMENTS 3000

static struct err err;

struct walk {
	int fd;
	bool deletes; /* every other one that is shown */
	unsigned int seen[ELEMENTS];
};

static int map_make(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "walk", sizeof(uint32_t), sizeof(uint64_t),
				ELEMENTS, NULL);

	cr_assert_geq(fd, 0, "bpf_map_create: %s", strerror(errno));
	for (uint32_t key = 0; key < ELEMENTS; key++)
		cr_assert_eq(bpf_map_update_elem(fd, &key, &(uint64_t){ key }, BPF_NOEXIST), 0);
	return fd;
}

static int visit(const void *key, const void *value, void *data, struct err *unused)
{
	uint32_t at = *(const uint32_t *)key;
	struct walk *walk = data;

	cr_assert_eq(*(const uint64_t *)value, at);
	walk->seen[at]++;
	if (walk->deletes && at % 2)
		cr_assert_eq(bpf_map_delete_elem(walk->fd, &at), 0);
	return 0;
}

static void shows_each_once(bool deletes)
{
	_cleanup_close_ int fd = map_make();
	struct walk walk = { .fd = fd, .deletes = deletes };

	cr_assert_eq(map_visit(fd, "walk", visit, &walk, &err), 0, "%s", err.text);
	for (uint32_t key = 0; key < ELEMENTS; key++)
		cr_assert_eq(walk.seen[key], 1, "%u", key);
}

Test(map, shows_each_element_once)
{
	shows_each_once(false);
}

/* bpf_map_get_next_key() would start over at each that is gone. */
Test(map, shows_each_element_once_while_some_go)
{
	shows_each_once(true);
}

Test(map, shows_each_element_once_in_several_calls)
{
	_cleanup_close_ int fd = map_make();
	struct walk walk = { .fd = fd };
	struct map_cursor cursor = {};
	unsigned int calls = 0;

	for (; !cursor.ended; calls++)
		cr_assert_eq(map_visit_some(fd, "walk", &cursor, visit, &walk, &err), 0);
	cr_expect_geq(calls, 3);
	for (uint32_t key = 0; key < ELEMENTS; key++)
		cr_assert_eq(walk.seen[key], 1, "%u", key);
}

static int stop_at_once(const void *key, const void *value, void *data, struct err *unused)
{
	++*(int *)data;
	return 5;
}

Test(map, ends_where_the_visitor_says)
{
	_cleanup_close_ int fd = map_make();
	int shown = 0;

	cr_assert_eq(map_visit(fd, "walk", stop_at_once, &shown, &err), 5);
	cr_assert_eq(shown, 1);
}

Test(map, what_cannot_be_read_is_an_error)
{
	const struct pins closed = PINS_NONE;
	struct device_table devices;

	cr_assert_lt(device_read_all(&closed, &devices, &err), 0);
	cr_assert_lt(filter_forget(&closed, 0, &err), 0);
	cr_assert_lt(vlan_deleted(&closed, 1, &err), 0);
	cr_assert_lt(vlan_uses(&closed, 1, 0x8100, &err), 0);
	cr_assert_str_eq(err.text, "reading vlans: File descriptor in bad state");
}

/* Reading the next id needs no descriptor; reading its map's data does. */
Test(map, btf_that_cannot_be_asked_for_is_an_error)
{
	struct rlimit limit;
	uint32_t id = 0;
	int r;

	if (bpf_btf_get_next_id(0, &id) < 0)
		cr_skip_test("no BTF is loaded, the kernel's neither");
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 3, limit.rlim_max }), 0);
	r = prog_kernel_has_btf();
	/* the leak sanitizer opens files at the end */
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(r, -EMFILE);
}

/* A program that looked orphaned would be replaced by another --bpffs' attach. */
Test(map, without_proc_pins_may_be_mounted_elsewhere)
{
	const struct pins_origin origin = { .dir = "/none/xdp-l2resp/v1" };
	_cleanup_close_ int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool mounted;

	cr_assert(!origin_alive(&origin, 0));
	if (chroot("/sys") < 0)
		cr_skip_test("chroot() needs root");
	mounted = origin_alive(&origin, 0);
	/* the leak sanitizer reads /proc at the end */
	cr_assert(!fchdir(root) && !chroot("."));
	cr_assert(mounted);
}
