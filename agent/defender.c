// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "conflict.h"
#include "defender.h"

/* When an address on an interface was last defended. */
struct defence {
	struct address address;
	uint32_t ifindex;
	uint64_t at_ns;
};

struct defender {
	uint64_t looked_ns; /* frames seen later are new; 0: not looked yet */
	uint64_t count;
	struct defence *list;
	size_t list_count;
};

struct defender *defender_new(void)
{
	return calloc(1, sizeof(struct defender));
}

void defender_free(struct defender *defender)
{
	if (!defender)
		return;
	free(defender->list);
	free(defender);
}

uint64_t defender_count(const struct defender *defender)
{
	return defender->count;
}

/* Forgets what was so long ago that it no longer counts. */
static void prune(struct defender *defender, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < defender->list_count; i++)
		if (now_ns - defender->list[i].at_ns < DEFENDER_INTERVAL_NS)
			defender->list[kept++] = defender->list[i];
	defender->list_count = kept;
}

static bool defended(const struct defender *defender, const struct address *address,
		     uint32_t ifindex)
{
	for (size_t i = 0; i < defender->list_count; i++)
		if (defender->list[i].ifindex == ifindex &&
		    !address_compare(&defender->list[i].address, address))
			return true;
	return false;
}

static int remember(struct defender *defender, const struct address *address, uint32_t ifindex,
		    uint64_t now_ns)
{
	struct defence *list =
		reallocarray(defender->list, defender->list_count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	defender->list = list;
	list[defender->list_count++] = (struct defence){ *address, ifindex, now_ns };
	return 0;
}

int defender_look(struct defender *defender, struct program *program, defender_fn *seen,
		  void *userdata, struct err *err)
{
	_cleanup_(conflict_table_free) struct conflict_table table = {};
	uint64_t since_ns = defender->looked_ns, now_ns = clock_boot_ns();
	int r = program_conflicts(program, &table, err);

	if (r < 0)
		return r;
	defender->looked_ns = now_ns;
	prune(defender, now_ns);
	for (size_t i = 0; i < table.count; i++) {
		const struct conflict_row *row = &table.rows[i];
		struct address address;

		if (!since_ns || row->value.last_seen_ns < since_ns)
			continue;
		defender->count++;
		memcpy(address.bytes, row->key.address, sizeof(address.bytes));
		if (!defended(defender, &address, row->key.ifindex) &&
		    seen(&address, row->key.ifindex, row->key.mac, userdata))
			remember(defender, &address, row->key.ifindex, now_ns);
	}
	return 0;
}
