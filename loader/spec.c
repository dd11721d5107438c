// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "spec.h"

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
	if (count > 3) {
		if (strcmp(words[3], "mac"))
			return err_set(err, -EINVAL,
				       "'%s' is not understood; 'mac MAC' may stand there",
				       words[3]);
		if (count < 5)
			return err_set(err, -EINVAL, "'mac' needs a MAC address");
		r = mac_parse(words[4], spec.mac, err);
		if (r < 0)
			return r;
		spec.mac_fixed = true;
	}
	if (count > SPEC_MAX_WORDS)
		return err_set(err, -EINVAL, "'%s' is one word too many", words[SPEC_MAX_WORDS]);
	*ret_spec = spec;
	return 0;
}

void spec_list_free(struct spec_list *list)
{
	free(list->wanted);
	*list = (struct spec_list){};
}

static int spec_list_reserve(struct spec_list *list, size_t count, struct err *err)
{
	size_t capacity = list->capacity;
	struct entry_wanted *wanted;

	if (count <= capacity)
		return 0;
	capacity = count > 2 * capacity ? count : 2 * capacity;
	wanted = reallocarray(list->wanted, capacity, sizeof(*wanted));
	if (!wanted)
		return err_set(err, -ENOMEM, "out of memory");
	list->wanted = wanted;
	list->capacity = capacity;
	return 0;
}

int spec_list_append(struct spec_list *list, const struct spec *spec, const struct link *link,
		     uint32_t line, size_t room, struct err *err)
{
	uint64_t size = addr_range_size(&spec->range);
	struct entry_wanted wanted = {
		.key.ifindex = link->ifindex,
		.head.flags = spec->mac_fixed ? ENTRY_MAC_FIXED : 0,
		.head.lease = L2RESP_LEASE_FOREVER,
		.line = line,
	};
	int r;

	if (size > room || list->count > room - size)
		return err_set(err, -ENOSPC, "%llu addresses are more than the map holds, %zu",
			       (unsigned long long)(list->count + size), room);
	r = spec_list_reserve(list, list->count + size, err);
	if (r < 0)
		return r;
	memcpy(wanted.head.mac, spec->mac_fixed ? spec->mac : link->mac, ETH_ALEN);
	for (uint64_t i = 0; i < size; i++) {
		wanted.key.ip4 = htonl(spec->range.first + i);
		list->wanted[list->count++] = wanted;
	}
	return 0;
}
