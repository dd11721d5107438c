// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "link.h"
#include "spec.h"

static int parse_mac(const char *value, struct spec *spec, struct err *err)
{
	int r = mac_parse(value, spec->mac, err);

	spec->mac_fixed = !r;
	return r;
}

static int parse_override(const char *value, struct spec *spec, struct err *err)
{
	if (address_is_v4(&spec->range.first))
		return err_set(err, -EINVAL, "'override' is a flag of IPv6; ARP has no such thing");
	if (strcmp(value, "off"))
		return err_set(err, -EINVAL, "'override' can be 'off', not '%s'", value);
	spec->no_override = true;
	return 0;
}

/* Words that may follow, in this order. */
static const struct {
	const char *name;
	const char *value;
	int (*parse)(const char *value, struct spec *spec, struct err *err);
} extras[] = {
	{ "mac", "a MAC address", parse_mac },
	{ "override", "'off'", parse_override },
};

#define EXTRAS (sizeof(extras) / sizeof(extras[0]))

static int extras_parse(char **words, struct spec *spec, struct err *err)
{
	size_t next = 0;

	for (; words[0]; words += 2) {
		size_t i = next;
		int r;

		while (i < EXTRAS && strcmp(words[0], extras[i].name) != 0)
			i++;
		if (i == EXTRAS && next == EXTRAS)
			return err_set(err, -EINVAL, "'%s' is one word too many", words[0]);
		if (i == EXTRAS)
			return err_set(err, -EINVAL,
				       "'%s' is not understood; '%s%s%s' may stand there", words[0],
				       extras[next].name, next + 1 < EXTRAS ? "' or '" : "",
				       next + 1 < EXTRAS ? extras[next + 1].name : "");
		if (!words[1])
			return err_set(err, -EINVAL, "'%s' needs %s", extras[i].name,
				       extras[i].value);
		r = extras[i].parse(words[1], spec, err);
		if (r < 0)
			return r;
		next = i + 1;
	}
	return 0;
}

int spec_parse(int count, char **words, struct spec *ret_spec, struct err *err)
{
	struct spec spec = {};
	int r;

	if (!count)
		return err_set(err, -EINVAL, "an address is missing");
	r = addr_range_parse(words[0], &spec.range, err);
	if (r < 0)
		return r;
	if (count < 3 || strcmp(words[1], "dev"))
		return err_set(err, -EINVAL, "'dev IFACE' is missing after %s", words[0]);
	spec.dev = words[2];
	r = extras_parse(words + 3, &spec, err);
	if (!r)
		*ret_spec = spec;
	return r;
}

void spec_list_free(struct spec_list *list)
{
	free(list->wanted);
	*list = (struct spec_list){};
}

static void spec_list_reserve(struct spec_list *list, size_t count)
{
	if (count <= list->capacity)
		return;
	list->capacity = count > 2 * list->capacity ? count : 2 * list->capacity;
	list->wanted = xreallocarray(list->wanted, list->capacity, sizeof(*list->wanted));
}

static int err_room(struct err *err, uint64_t size, size_t room)
{
	if (size == UINT64_MAX)
		return err_set(err, -ENOSPC,
			       "2^64 or more addresses are more than the map holds, %zu", room);
	return err_set(err, -ENOSPC,
		       "%llu addresses are more than the map holds, %zu" ENTRY_MORE_ROOM,
		       (unsigned long long)size, room);
}

int spec_list_append(struct spec_list *list, const struct spec *spec, const struct link *link,
		     uint32_t line, size_t room, struct err *err)
{
	uint64_t size = addr_range_size(&spec->range);
	struct entry_wanted wanted = {
		.key = { .address = spec->range.first, .ifindex = link->ifindex },
		.head.flags = (spec->mac_fixed ? ENTRY_MAC_FIXED : 0) |
			      (spec->no_override ? ENTRY_NO_OVERRIDE : 0),
		.head.lease = L2RESP_LEASE_FOREVER,
		.line = line,
	};
	int r;

	if (size > room)
		return err_room(err, size, room);
	/* Repetitions don't count. Removing them sorts the list, so do that only beyond 4 * @room.
	 */
	if (list->count + size > 4 * room) {
		r = entry_unrepeat(list->wanted, &list->count, err);
		if (r < 0)
			return r;
		if (list->count > 2 * room)
			return err_room(err, list->count, room);
	}
	spec_list_reserve(list, list->count + size);
	memcpy(wanted.head.mac, spec->mac_fixed ? spec->mac : link->mac, ETH_ALEN);
	for (uint64_t i = 0; i < size; i++) {
		list->wanted[list->count++] = wanted;
		address_increment(&wanted.key.address);
	}
	return 0;
}
