// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_ether.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>

#include "frame.h"
#include "l2resp.skel.h"

#define FIXTURE_COUNTERS_SLOT 3

static struct l2resp_bpf *program;
static struct l2resp_bpf *explaining; /* l2resp_explain, over the same maps */

static const struct {
	uint8_t host;
	uint8_t carried; /* the address in the value, where it isn't the key's */
	uint8_t lease;
	uint8_t flags;
	uint32_t ifindex;
	uint8_t mac[6];
} entries[] = {
	{ .host = OWNED, .ifindex = FIXTURE_IFINDEX, .mac = { MAC_OURS } },
	{ .host = LEASE_AHEAD, .lease = 5, .ifindex = FIXTURE_IFINDEX, .mac = { MAC_OURS } },
	{ .host = LEASE_LAPSED, .lease = 6, .ifindex = FIXTURE_IFINDEX, .mac = { MAC_OURS } },
	{ .host = OWNED_FIXED, .ifindex = FIXTURE_IFINDEX, .mac = { MAC_FIXED } },
	{ .host = REUSED, .carried = OWNED, .ifindex = FIXTURE_IFINDEX, .mac = { MAC_OURS } },
	{ .host = NO_OVERRIDE,
	  .flags = ENTRY_NO_OVERRIDE,
	  .ifindex = FIXTURE_IFINDEX,
	  .mac = { MAC_OURS } },
	{ .host = ON_VLAN, .ifindex = FIXTURE_VLAN, .mac = { MAC_OURS } },
	{ .host = ON_OUTER, .ifindex = FIXTURE_OUTER, .mac = { MAC_OURS } },
	{ .host = ON_INNER, .ifindex = FIXTURE_INNER, .mac = { MAC_OURS } },
	{ .host = ELSEWHERE, .ifindex = FIXTURE_OTHER_IFINDEX, .mac = { MAC_OURS } },
};

#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

static const struct {
	struct vlan_key key;
	uint32_t device;
} vlans[] = {
	{ { .parent = FIXTURE_IFINDEX, .protocol = ETH_P_8021Q, .vid = 100 }, FIXTURE_VLAN },
	{ { .parent = FIXTURE_IFINDEX, .protocol = ETH_P_8021AD, .vid = 200 }, FIXTURE_OUTER },
	{ { .parent = FIXTURE_OUTER, .protocol = ETH_P_8021Q, .vid = 300 }, FIXTURE_INNER },
};

static struct responder_v4_key v4_key(uint8_t host, uint32_t ifindex)
{
	return (struct responder_v4_key){ .ip4 = htonl(0xc6120000 | host), .ifindex = ifindex };
}

static struct responder_v6_key v6_key(uint8_t host, uint32_t ifindex)
{
	return (struct responder_v6_key){ .ip6 = { 0x20, 0x01, 0x0d, 0xb8, [15] = host },
					  .ifindex = ifindex };
}

static void map_add(const struct bpf_map *map, const void *key, const void *value)
{
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_NOEXIST), 0);
}

static void entry_add(size_t i)
{
	uint8_t host = entries[i].host, carried = entries[i].carried ?: host;
	uint32_t ifindex = entries[i].ifindex;
	struct responder_v4_key key4 = v4_key(host, ifindex);
	struct responder_v6_key key6 = v6_key(host, ifindex);
	struct entry_head head = { .flags = entries[i].flags, .lease = entries[i].lease };
	struct responder_v4_entry entry4 = { .key = v4_key(carried, ifindex) };
	struct responder_v6_entry entry6 = { .key = v6_key(carried, ifindex) };

	memcpy(head.mac, entries[i].mac, sizeof(head.mac));
	entry4.head = entry6.head = head;
	map_add(program->maps.responder_v4, &key4, &entry4);
	map_add(program->maps.responder_v6, &key6, &entry6);
}

static void stamp_write(uint32_t slot, uint64_t deadline_ns)
{
	struct lease_stamp stamp = { .deadline_ns = deadline_ns };

	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(program->maps.leases), &slot, &stamp, 0), 0);
}

/* As explain loads it, and over the very counters that it must leave alone. */
static void explain_load(void)
{
	struct bpf_map *map;

	explaining = l2resp_bpf__open();
	cr_assert_not_null(explaining, "opening: %s", strerror(errno));
	explaining->rodata->attached_ifindex = FIXTURE_IFINDEX;
	explaining->rodata->counters_slot = L2RESP_COUNTERS_NONE;
	bpf_program__set_autoload(explaining->progs.xdp_l2resp, false);
	bpf_object__for_each_map(map, explaining->obj)
	{
		const char *name = bpf_map__name(map);

		if (!bpf_map__is_internal(map))
			cr_assert_eq(bpf_map__reuse_fd(map, bpf_object__find_map_fd_by_name(
								    program->obj, name)),
				     0, "using %s: %s", name, strerror(errno));
	}
	cr_assert_eq(l2resp_bpf__load(explaining), 0, "loading: %s", strerror(errno));
}

static struct reference_address *told_address(struct reference *told, size_t i)
{
	struct reference_address *address = &told->address[told->addresses++];

	address->device = entries[i].ifindex;
	address->lapsed = entries[i].lease == 6;
	address->no_override = entries[i].flags & ENTRY_NO_OVERRIDE;
	memcpy(address->mac, entries[i].mac, sizeof(address->mac));
	return address;
}

struct reference frame_told(void)
{
	struct reference told = { .device = FIXTURE_IFINDEX };

	for (size_t i = 0; i < ENTRIES; i++) {
		const uint8_t ip4[16] = { [10] = 0xff, 0xff, 198, 18, 0, entries[i].host };
		struct responder_v6_key key6 = v6_key(entries[i].host, 0);

		if (entries[i].carried)
			continue;
		memcpy(told_address(&told, i)->ip, ip4, sizeof(ip4));
		memcpy(told_address(&told, i)->ip, key6.ip6, sizeof(key6.ip6));
	}
	for (; told.vlans < sizeof(vlans) / sizeof(vlans[0]); told.vlans++)
		told.vlan[told.vlans] = (struct reference_vlan){
			.parent = vlans[told.vlans].key.parent,
			.protocol = vlans[told.vlans].key.protocol,
			.vid = vlans[told.vlans].key.vid,
			.device = vlans[told.vlans].device,
		};
	return told;
}

void frame_setup(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	program = l2resp_bpf__open();
	cr_assert_not_null(program, "opening: %s", strerror(errno));
	bpf_program__set_autoload(program->progs.l2resp_explain, false);
	program->rodata->attached_ifindex = FIXTURE_IFINDEX;
	program->rodata->counters_slot = FIXTURE_COUNTERS_SLOT;
	bpf_map__set_max_entries(program->maps.responder_v4, ENTRIES);
	bpf_map__set_max_entries(program->maps.responder_v6, ENTRIES);
	cr_assert_eq(l2resp_bpf__load(program), 0, "loading: %s", strerror(errno));
	explain_load();
	stamp_write(5, (now.tv_sec + 3600) * 1000000000ULL);
	stamp_write(6, now.tv_sec * 1000000000ULL);
	for (size_t i = 0; i < ENTRIES; i++)
		entry_add(i);
	for (size_t i = 0; i < sizeof(vlans) / sizeof(vlans[0]); i++) {
		struct vlan_key key = vlans[i].key;

		key.protocol = htons(key.protocol);
		map_add(program->maps.vlans, &key, &vlans[i].device);
	}
}

void frame_teardown(void)
{
	l2resp_bpf__destroy(explaining);
	l2resp_bpf__destroy(program);
}

static void counts_read(uint64_t sums[OUTCOME_COUNT])
{
	struct outcome_counts per_cpu[libbpf_num_possible_cpus()];
	uint32_t slot = FIXTURE_COUNTERS_SLOT;

	memset(sums, 0, sizeof(uint64_t) * OUTCOME_COUNT);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(program->maps.counters), &slot, per_cpu), 0);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		for (int i = 0; i < OUTCOME_COUNT; i++)
			sums[i] += per_cpu[cpu].count[i];
}

/* The answers that all entries of a map count, in one system call: it is asked around every frame.
 */
static uint64_t responses_of(const struct bpf_map *map, size_t responses_at)
{
	uint8_t keys[ENTRIES * sizeof(struct responder_v6_key)];
	uint8_t values[ENTRIES * sizeof(struct responder_v6_entry)];
	uint64_t sent, sum = 0;
	uint32_t next, count = ENTRIES;
	int r = bpf_map_lookup_batch(bpf_map__fd(map), NULL, &next, keys, values, &count, NULL);

	cr_assert(!r || r == -ENOENT, "%s", strerror(-r));
	cr_assert_eq(count, ENTRIES);
	for (size_t i = 0; i < count; i++) {
		memcpy(&sent, &values[i * bpf_map__value_size(map) + responses_at], sizeof(sent));
		sum += sent;
	}
	return sum;
}

static uint64_t responses_read(void)
{
	return responses_of(program->maps.responder_v4,
			    offsetof(struct responder_v4_entry, responses_sent)) +
	       responses_of(program->maps.responder_v6,
			    offsetof(struct responder_v6_entry, responses_sent));
}

/* Sums the frames of all conflicts; 0 without reading, which is slow, if @result is no conflict. */
static uint64_t conflicts_read(const struct frame_result *result)
{
	struct conflict_key key, *former = NULL;
	int fd = bpf_map__fd(program->maps.conflicts);
	uint64_t sum = 0;

	if (!result->counts[OUTCOME_ARP_CONFLICT] && !result->counts[OUTCOME_ND_CONFLICT])
		return 0;
	for (; !bpf_map_get_next_key(fd, former, &key); former = &key) {
		struct conflict conflict;

		if (!bpf_map_lookup_elem(fd, &key, &conflict))
			sum += conflict.count;
	}
	return sum;
}

/* The outcome that moved besides arp_sha_mismatch; OUTCOME_COUNT: none did. */
static enum outcome outcome_moved(const uint64_t counts[OUTCOME_COUNT])
{
	for (enum outcome i = 0; i < OUTCOME_COUNT; i++)
		if (counts[i] && i != OUTCOME_ARP_SHA_MISMATCH)
			return i;
	return OUTCOME_COUNT;
}

/* Checks that explain's program treats @in as the program did, and changes no map. */
static void explain_check(const struct frame *in, const struct frame_result *result)
{
	uint64_t before[OUTCOME_COUNT], after[OUTCOME_COUNT];
	uint64_t responses = responses_read(), conflicts = conflicts_read(result);
	struct frame out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->bytes, .data_size_in = in->length,
		    .data_out = out.bytes, .data_size_out = FRAME_MAX, .repeat = 1);

	counts_read(before);
	cr_assert_eq(bpf_prog_test_run_opts(bpf_program__fd(explaining->progs.l2resp_explain),
					    &opts),
		     0);
	counts_read(after);
	cr_assert_eq(opts.retval, outcome_moved(result->counts));
	cr_assert_eq(outcome_is_answer(opts.retval), result->verdict == XDP_TX);
	cr_assert_eq(opts.data_size_out, result->out.length);
	cr_assert_arr_eq(out.bytes, result->out.bytes, result->out.length);
	cr_assert_arr_eq(after, before, sizeof(before));
	cr_assert_eq(responses_read(), responses);
	cr_assert_eq(conflicts_read(result), conflicts);
}

void frame_run(const struct frame *in, struct frame_result *ret_result)
{
	uint64_t counts[OUTCOME_COUNT], responses = responses_read();
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->bytes, .data_size_in = in->length,
		    .data_out = ret_result->out.bytes, .data_size_out = FRAME_MAX, .repeat = 1);
	int r;

	counts_read(counts);
	r = bpf_prog_test_run_opts(bpf_program__fd(program->progs.xdp_l2resp), &opts);
	cr_assert_eq(r, 0, "BPF_PROG_RUN of %zu bytes: %s", in->length, strerror(-r));
	ret_result->verdict = opts.retval;
	ret_result->out.length = opts.data_size_out;
	counts_read(ret_result->counts);
	for (int i = 0; i < OUTCOME_COUNT; i++)
		ret_result->counts[i] -= counts[i];
	ret_result->responses = responses_read() - responses;
	explain_check(in, ret_result);
}

static int trace_count(void *count, void *record, size_t size)
{
	++*(unsigned int *)count;
	return 0;
}

unsigned int frame_trace(const struct frame *in, uint32_t times, uint64_t *ret_lost)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->bytes, .data_size_in = in->length,
		    .repeat = times);
	struct trace_control *control = &program->data_trace->trace_control;
	unsigned int count = 0;
	uint32_t slot = 0;
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "trace", 0, 0, L2RESP_TRACE_BYTES, NULL);
	struct ring_buffer *ring = ring_buffer__new(fd, trace_count, &count, NULL);

	cr_assert_not_null(ring);
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(program->maps.trace), &slot, &fd, BPF_ANY), 0);
	*control = (struct trace_control){ .on = 1, .until_ns = UINT64_MAX };
	cr_assert_eq(bpf_prog_test_run_opts(bpf_program__fd(program->progs.xdp_l2resp), &opts), 0);
	control->on = 0;
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
	close(fd);
	*ret_lost = control->lost;
	return count;
}

uint64_t frame_conflicts(const uint8_t address[16], const uint8_t mac[6])
{
	struct conflict_key key = { .ifindex = FIXTURE_IFINDEX };
	struct conflict conflict;

	memcpy(key.address, address, sizeof(key.address));
	memcpy(key.mac, mac, sizeof(key.mac));
	if (bpf_map_lookup_elem(bpf_map__fd(program->maps.conflicts), &key, &conflict) < 0)
		return 0;
	return conflict.count;
}

void frame_expect(const char *name, const struct frame *got, const struct frame *wanted)
{
	cr_expect_eq(got->length, wanted->length, "%s: %zu bytes came out, not %zu", name,
		     got->length, wanted->length);
	for (size_t i = 0; i < wanted->length; i++)
		cr_expect_eq(got->bytes[i], wanted->bytes[i], "%s: byte %zu is %02x, not %02x",
			     name, i, got->bytes[i], wanted->bytes[i]);
}

void frame_expect_counts(const char *name, const struct frame_result *result, enum outcome outcome,
			 enum outcome besides)
{
	for (enum outcome i = 0; i < OUTCOME_COUNT; i++) {
		uint64_t moves = i == outcome || i == besides;

		cr_expect_eq(result->counts[i], moves, "%s: counter %d moved by %lu, not %lu", name,
			     i, result->counts[i], moves);
	}
}
