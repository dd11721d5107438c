// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <bpf/bpf_helpers.h>

#define ROOM_BEFORE 64 /* a headroom to find stray writes in */

struct native native;

/* The elements of all maps: a test has a few dozen. */
static struct element {
	struct element *next;
	const void *map;
	size_t key_size;
	void *key;
	void *value;
} *elements;

static void *reserved; /* of a ring, neither submitted nor discarded */

static void *copy_of(const void *from, size_t size)
{
	void *copy = malloc(size);

	if (!copy)
		abort();
	return memcpy(copy, from, size);
}

static void element_add(const struct native_map *map, const void *key, void *value)
{
	struct element *element = malloc(sizeof(*element));

	if (!element)
		abort();
	*element = (struct element){ elements, map->map, map->key_size, copy_of(key, map->key_size),
				     value };
	elements = element;
}

static bool is_array(const struct native_map *map)
{
	return map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       map->type == BPF_MAP_TYPE_ARRAY_OF_MAPS;
}

/* The slot of @map in native.lookups. */
static size_t lookups_slot(const void *map)
{
	const size_t slots = sizeof(native.lookups) / sizeof(native.lookups[0]);
	size_t i = 0;

	while (i < slots && native.lookups[i].map && native.lookups[i].map != map)
		i++;
	if (i == slots)
		abort();
	return i;
}

unsigned int native_lookups(const void *map)
{
	return native.lookups[lookups_slot(map)].count;
}

void *native_lookup(const struct native_map *map, const void *key)
{
	size_t slot = lookups_slot(map->map);
	uint32_t index;
	void *value;

	native.lookups[slot].map = map->map;
	native.lookups[slot].count++;
	for (const struct element *element = elements; element; element = element->next)
		if (element->map == map->map && !memcmp(element->key, key, map->key_size))
			return element->value;
	if (!is_array(map))
		return NULL;
	/* an array has all its elements; here they come into being when asked for */
	memcpy(&index, key, sizeof(index));
	if (index >= map->max_entries)
		return NULL;
	value = calloc(1, map->value_size);
	if (!value)
		abort();
	element_add(map, key, value);
	return value;
}

long native_update(const struct native_map *map, const void *key, const void *value, __u64 flags)
{
	void *former = native_lookup(map, key);

	if (former && flags == BPF_NOEXIST)
		return -EEXIST;
	if (former) {
		memcpy(former, value, map->value_size);
		return 0;
	}
	if (native.hashes_full)
		return -E2BIG;
	element_add(map, key, copy_of(value, map->value_size));
	return 0;
}

__u64 bpf_ktime_get_boot_ns(void)
{
	return native.boot_ns;
}

/* As the kernel sums: 32-bit words with end-around carry, in any of the forms that it returns. */
__s64 bpf_csum_diff(__be32 *from, __u32 from_size, __be32 *to, __u32 to_size, __wsum seed)
{
	uint64_t sum = seed;

	if (from_size % 4 || to_size % 4 || from_size + to_size > 512)
		return -EINVAL;
	for (__u32 i = 0; i < from_size / 4; i++)
		sum += (uint32_t)~from[i];
	for (__u32 i = 0; i < to_size / 4; i++)
		sum += to[i];
	while (sum >> 32)
		sum = (uint32_t)sum + (sum >> 32);
	while (native.csum_folded && sum >> 16)
		sum = (uint16_t)sum + (sum >> 16);
	return sum;
}

__u64 bpf_xdp_get_buff_len(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data + native.in_fragments;
}

long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 offset, void *to, __u32 length)
{
	size_t linear = ctx->data_end - ctx->data, total = linear + native.in_fragments;

	if (!length || offset > total || length > total - offset)
		return -EINVAL;
	for (__u32 i = 0; i < length; i++, offset++)
		((uint8_t *)to)[i] =
			offset < linear ? native.packet[offset] : native.fragments[offset - linear];
	return 0;
}

void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags)
{
	if (reserved || flags)
		abort();
	if (!native.rings_full)
		reserved = malloc(size);
	return reserved;
}

void bpf_ringbuf_submit(void *data, __u64 flags)
{
	if (!data || data != reserved || flags)
		abort();
	reserved = NULL;
	free(native.record);
	native.record = data;
	native.records++;
}

long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags)
{
	void *to;

	/* a record may be reserved in another ring meanwhile */
	if (native.rings_full)
		return -EAGAIN;
	to = copy_of(data, size);
	free(native.record);
	native.record = to;
	native.records += !flags;
	return 0;
}

void native_reset(void)
{
	if (reserved)
		abort();
	while (elements) {
		struct element *element = elements;

		elements = element->next;
		free(element->key);
		free(element->value);
		free(element);
	}
	free(native.record);
	native = (struct native){};
}

void native_rodata_write(const volatile void *at, const void *value, size_t size)
{
	uint8_t *to = (uint8_t *)at;
	size_t in_page = (uintptr_t)to % sysconf(_SC_PAGESIZE);

	if (mprotect(to - in_page, in_page + size, PROT_READ | PROT_WRITE))
		abort();
	memcpy(to, value, size);
}

void native_packet(struct xdp_md *ctx, const void *bytes, size_t length)
{
	static uint8_t *room;
	const size_t size = ROOM_BEFORE + NATIVE_FRAME_MAX + ROOM_BEFORE;

	if (!room) {
		room = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		if (room == MAP_FAILED)
			abort();
	}
	ASAN_POISON_MEMORY_REGION(room, size);
	ASAN_UNPOISON_MEMORY_REGION(room + ROOM_BEFORE, length);
	native.packet = memcpy(room + ROOM_BEFORE, bytes, length);
	ctx->data = (uintptr_t)native.packet;
	ctx->data_end = ctx->data + length;
}
