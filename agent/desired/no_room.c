// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "hash.h"
#include "no_room.h"

#define PAUSE_MIN_NS (5 * CLOCK_NS_PER_S)
#define PAUSE_MAX_NS (300 * CLOCK_NS_PER_S)

/* An address whose entries don't all fit into the maps. */
struct lacking {
	struct address address;
	uint32_t *on; /* ifindexes */
	size_t count;
	UT_hash_handle hh;
};

struct no_room {
	struct lacking *lacking; /* by address */
	bool refused, changed;
	struct err why;
	bool in_vain; /* an entry lacked room since the last retry */
	uint64_t pause_ns, retry_ns;
};

static struct lacking *find(const struct no_room *no_room, const struct address *address)
{
	struct lacking *lacking;

	HASH_FIND(hh, no_room->lacking, address, sizeof(*address), lacking);
	return lacking;
}

static void drop(struct no_room *no_room, struct lacking *lacking)
{
	HASH_DEL(no_room->lacking, lacking);
	free(lacking->on);
	free(lacking);
	no_room->changed |= no_room->refused;
}

static size_t position(const struct lacking *lacking, uint32_t ifindex)
{
	size_t i = 0;

	while (i < lacking->count && lacking->on[i] != ifindex)
		i++;
	return i;
}

static void add(struct no_room *no_room, const struct address *address, uint32_t ifindex)
{
	struct lacking *lacking = find(no_room, address);

	if (!lacking) {
		lacking = xcalloc(1, sizeof(*lacking));
		lacking->address = *address;
		HASH_ADD(hh, no_room->lacking, address, sizeof(lacking->address), lacking);
	}
	if (position(lacking, ifindex) < lacking->count)
		return;
	lacking->on = xreallocarray(lacking->on, lacking->count + 1, sizeof(*lacking->on));
	lacking->on[lacking->count++] = ifindex;
	no_room->in_vain = true;
	no_room->changed |= no_room->refused;
}

/* Frees @lacking with its last interface. */
static void remove_at(struct no_room *no_room, struct lacking *lacking, size_t at)
{
	lacking->on[at] = lacking->on[--lacking->count];
	no_room->changed |= no_room->refused;
	if (!lacking->count)
		drop(no_room, lacking);
}

void no_room_note(struct no_room *no_room, const struct address *address, uint32_t ifindex,
		  bool lacks)
{
	struct lacking *lacking;
	size_t at;

	if (lacks) {
		add(no_room, address, ifindex);
		return;
	}
	lacking = find(no_room, address);
	at = lacking ? position(lacking, ifindex) : 0;
	if (lacking && at < lacking->count)
		remove_at(no_room, lacking, at);
}

static bool is_on(const struct selected *on, size_t count, uint32_t ifindex)
{
	size_t i = 0;

	while (i < count && on[i].ifindex != ifindex)
		i++;
	return i < count;
}

void no_room_follow(struct no_room *no_room, const struct address *address,
		    const struct selected *on, size_t count)
{
	struct lacking *lacking = find(no_room, address);

	for (size_t i = lacking ? lacking->count : 0; i-- > 0;)
		if (!is_on(on, count, lacking->on[i]))
			remove_at(no_room, lacking, i);
}

void no_room_forget(struct no_room *no_room, const struct address *address)
{
	struct lacking *lacking = find(no_room, address);

	if (lacking)
		drop(no_room, lacking);
}

void no_room_decided(struct no_room *no_room, const struct err *why)
{
	struct lacking *lacking, *next;

	no_room->changed |= no_room->refused || why;
	no_room->refused = why;
	if (why) {
		no_room->why = *why;
		return;
	}
	HASH_ITER(hh, no_room->lacking, lacking, next)
	drop(no_room, lacking);
}

bool no_room_is(const struct no_room *no_room, const struct address *address, uint32_t ifindex,
		struct err *ret_why)
{
	const struct lacking *lacking = no_room->refused ? find(no_room, address) : NULL;
	bool is = lacking && (!ifindex || position(lacking, ifindex) < lacking->count);

	if (is && ret_why)
		*ret_why = no_room->why;
	return is;
}

const struct err *no_room_why(const struct no_room *no_room)
{
	return no_room->refused && no_room->lacking ? &no_room->why : NULL;
}

bool no_room_changed(struct no_room *no_room)
{
	bool changed = no_room->changed;

	no_room->changed = false;
	return changed;
}

void no_room_retry(struct no_room *no_room, const size_t room[PINS_FAMILIES], uint64_t now_ns)
{
	size_t left[PINS_FAMILIES];
	struct lacking *lacking, *next;
	bool any = false;

	memcpy(left, room, sizeof(left));
	if (!no_room->refused || now_ns < no_room->retry_ns)
		return;
	HASH_ITER(hh, no_room->lacking, lacking, next)
	{
		size_t *of = &left[responder_family(&lacking->address)];

		if (*of < lacking->count)
			continue;
		*of -= lacking->count;
		drop(no_room, lacking);
		any = true;
	}
	if (!any)
		return;
	no_room->pause_ns = no_room->in_vain ? 2 * no_room->pause_ns : PAUSE_MIN_NS;
	if (no_room->pause_ns < PAUSE_MIN_NS)
		no_room->pause_ns = PAUSE_MIN_NS;
	if (no_room->pause_ns > PAUSE_MAX_NS)
		no_room->pause_ns = PAUSE_MAX_NS;
	no_room->retry_ns = now_ns + no_room->pause_ns;
	no_room->in_vain = false;
}

struct no_room *no_room_new(void)
{
	return xcalloc(1, sizeof(struct no_room));
}

void no_room_free(struct no_room *no_room)
{
	struct lacking *lacking, *next;

	if (!no_room)
		return;
	HASH_ITER(hh, no_room->lacking, lacking, next)
	drop(no_room, lacking);
	free(no_room);
}
