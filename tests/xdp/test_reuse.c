// SPDX-License-Identifier: GPL-2.0-or-later
/* An element that is removed while a look-up holds it never reads as the address that had it. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "reuse.h"
#include "reuse.skel.h"

static struct reuse_bpf *skeleton;

static void setup(void)
{
	skeleton = reuse_bpf__open();
	cr_assert_not_null(skeleton, "opening: %s", strerror(errno));
	cr_assert_eq(reuse_bpf__load(skeleton), 0, "loading: %s", strerror(errno));
}

static void teardown(void)
{
	reuse_bpf__destroy(skeleton);
}

TestSuite(reuse, .init = setup, .fini = teardown);

/* The other address keeps its element. */
static void expect_next(const void *next, size_t size)
{
	const struct reuse *reuse = &skeleton->bss->reuse;

	cr_expect_arr_eq(reuse->copy_reused, next, size, "another element was used");
	cr_expect_arr_eq(reuse->copy_late, next, size, "removed twice");
	cr_expect_eq(reuse->late, CONTROL_ABSENT);
}

static void run(const struct bpf_map *map, const struct bpf_program *program, const void *key,
		const void *entry)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(map), key, entry, BPF_NOEXIST), 0);
	cr_assert_eq(bpf_prog_test_run_opts(bpf_program__fd(program), &opts), 0);
	cr_assert_eq(opts.retval, CONTROL_DONE);
}

static void expect_complement(const void *key, size_t size)
{
	const uint8_t *copy = skeleton->bss->reuse.copy_removed;

	for (size_t i = 0; i < size; i++)
		cr_expect_eq(copy[i], (uint8_t)~((const uint8_t *)key)[i],
			     "byte %zu of the key, once removed: %02x", i, copy[i]);
}

Test(reuse, v4)
{
	struct reuse *reuse = &skeleton->bss->reuse;
	struct responder_v4_key *key = &reuse->v4.held.key, *next = &reuse->v4.next.key;

	*key = (struct responder_v4_key){ .ip4 = htonl(0xc6120a01), .ifindex = 3 };
	*next = (struct responder_v4_key){ .ip4 = htonl(0xc6120a02), .ifindex = 3 };
	reuse->removed = (struct control_key){ .address = { [10] = 0xff, [11] = 0xff },
					       .ifindex = key->ifindex };
	memcpy(&reuse->removed.address[12], &key->ip4, sizeof(key->ip4));
	run(skeleton->maps.responder_v4, skeleton->progs.reuse_v4, key, &reuse->v4.held);
	expect_complement(key, sizeof(*key));
	expect_next(next, sizeof(*next));
}

/* @next: as a key that has any two of the three words of the former one. */
static void v6(struct responder_v6_key next)
{
	struct reuse *reuse = &skeleton->bss->reuse;
	struct responder_v6_key *key = &reuse->v6.held.key;

	*key = (struct responder_v6_key){ .ip6 = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
					  .ifindex = 3 };
	reuse->v6.next.key = next;
	reuse->removed.ifindex = key->ifindex;
	memcpy(reuse->removed.address, key->ip6, sizeof(key->ip6));
	run(skeleton->maps.responder_v6, skeleton->progs.reuse_v6, key, &reuse->v6.held);
	expect_complement(key, sizeof(*key));
	expect_next(&next, sizeof(next));
}

Test(reuse, v6_of_the_same_prefix)
{
	v6((struct responder_v6_key){ .ip6 = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 }, .ifindex = 3 });
}

Test(reuse, v6_of_another_prefix)
{
	v6((struct responder_v6_key){ .ip6 = { 0x20, 0x01, 0x0d, 0xb9, [15] = 1 }, .ifindex = 3 });
}

Test(reuse, v6_on_another_interface)
{
	v6((struct responder_v6_key){ .ip6 = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, .ifindex = 4 });
}
