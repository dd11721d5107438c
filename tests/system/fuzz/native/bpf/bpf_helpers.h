/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands before libbpf's header of this name when the data path is compiled for this machine: the
 * helpers and maps that it uses, as the kernel has them, and what a test sets and sees of them.
 */
#ifndef XDP_L2RESP_TESTS_NATIVE_BPF_HELPERS_H
#define XDP_L2RESP_TESTS_NATIVE_BPF_HELPERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <linux/types.h>

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#undef __noinline
#define __noinline __attribute__((noinline))
#define SEC(name)
#define __uint(name, value)  int(*(name))[value]
#define __type(name, value)  typeof(value) *(name)
#define __array(name, value) typeof(value) *(name)[]
#define barrier()	     asm volatile("" ::: "memory")
#define barrier_var(var)     asm volatile("" : "+r"(var))

/* A map as its definition tells it. */
struct native_map {
	const void *map;
	unsigned int type;
	unsigned int max_entries;
	size_t key_size;
	size_t value_size;
};

#define NATIVE_MAP(map_)                                                                        \
	(&(const struct native_map){ .map = (map_),                                             \
				     .type = sizeof(*(map_)->type) / sizeof(int),               \
				     .max_entries = sizeof(*(map_)->max_entries) / sizeof(int), \
				     .key_size = sizeof(*(map_)->key),                          \
				     .value_size = sizeof(*(map_)->value) })

/* Values are as large as the map says, and not a byte larger: a sanitizer sees what reads on. */
void *native_lookup(const struct native_map *map, const void *key);
long native_update(const struct native_map *map, const void *key, const void *value, __u64 flags);

#define bpf_map_lookup_elem(map, key_at) native_lookup(NATIVE_MAP(map), key_at)
#define bpf_map_update_elem(map, key_at, value_at, flags) \
	native_update(NATIVE_MAP(map), key_at, value_at, flags)

__u64 bpf_ktime_get_boot_ns(void);
__s64 bpf_csum_diff(__be32 *from, __u32 from_size, __be32 *to, __u32 to_size, __wsum seed);
__u64 bpf_xdp_get_buff_len(struct xdp_md *ctx);
long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 offset, void *to, __u32 length);
long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags);
void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *data, __u64 flags);

#define NATIVE_FRAME_MAX 4096

/* What a test sets, and what it finds afterwards. */
struct native {
	__u64 boot_ns;
	bool csum_folded; /* bpf_csum_diff() folds to 16 bits, as it does since Linux 6.13 */
	bool hashes_full; /* no room for another key */
	bool rings_full;
	uint8_t *packet; /* data, as native_packet() set it */
	/* the frame's bytes behind data_end: in fragments, where only helpers get at them */
	size_t in_fragments;
	uint8_t fragments[NATIVE_FRAME_MAX];
	/* records that were submitted, and the last one, in memory of just its size */
	unsigned int records;
	void *record;
	/* how often each map was looked into */
	struct {
		const void *map;
		unsigned int count;
	} lookups[16];
};

extern struct native native;

/* Empties maps and rings. */
void native_reset(void);

/* Look-ups in @map so far. */
unsigned int native_lookups(const void *map);

/* Writes a constant of the program, as a loader does before it loads it. Out of the sight of the
 * compiler, which takes it at its word that it is one. */
void native_rodata_write(const volatile void *at, const void *value, size_t size);

/*
 * The packet to run on: @length bytes of @bytes, of which a sanitizer lets no byte before and no
 * byte behind be touched. Sets data and data_end of @ctx, which have room for the lower 4 GiB only.
 */
void native_packet(struct xdp_md *ctx, const void *bytes, size_t length);

#endif
