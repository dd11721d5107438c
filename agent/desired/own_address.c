// SPDX-License-Identifier: GPL-2.0-or-later
#include <netinet/in.h>
#include <string.h>

#include "record.h"
#include "own_address.h"
#include "policy_force.h"

/* May other hosts reach this node by @address? */
static bool is_global(const struct address *address)
{
	const uint8_t *byte = address->bytes, *v4 = byte + ADDRESS_V4_OFFSET;

	if (address_is_v4(address))
		return v4[0] && v4[0] != 127 && v4[0] < 224 && !(v4[0] == 169 && v4[1] == 254);
	return !IN6_IS_ADDR_UNSPECIFIED((const struct in6_addr *)byte) &&
	       !IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)byte) &&
	       !IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)byte) &&
	       !IN6_IS_ADDR_MULTICAST((const struct in6_addr *)byte);
}

static bool is_own(const struct links_table *links, const struct local_address *local)
{
	const struct links_row *row = links_find(links, local->ifindex);

	return !local->proxy && row && row->suitable && is_global(&local->address);
}

/* Is @address neither among the first @named of @own, which are sorted, nor the last added? The
 * others are added in ascending order. */
static bool is_new(const struct address_list *own, size_t named, const struct address *address)
{
	const struct address_list of_node = { .list = own->list, .count = named };

	if (address_list_find(&of_node, address))
		return false;
	return own->count == named || address_compare(&own->list[own->count - 1], address);
}

struct address_list own_address_find(const struct policy_input *input,
				     const struct local_address_table *local, size_t *ret_left_out)
{
	const struct node *node = policy_node(input->manifests, input->count, input->node);
	struct address_list own = {};
	size_t named;

	for (size_t i = 0; node && i < node->addresses.count; i++)
		if (is_global(&node->addresses.list[i]))
			address_list_add(&own, &node->addresses.list[i]);
	named = own.count;
	for (size_t i = 0; i < local->count; i++)
		if (is_own(input->links, &local->rows[i]) &&
		    is_new(&own, named, &local->rows[i].address))
			address_list_add(&own, &local->rows[i].address);
	*ret_left_out = own.count > RECORD_OWN_MAX ? own.count - RECORD_OWN_MAX : 0;
	own.count -= *ret_left_out;
	address_list_sort(&own);
	return own;
}

/* Calls @visit for each Node object except this node's, until it returns true. */
static const struct node *find_other(const struct policy_input *input,
				     bool (*visit)(const struct node *node, void *data), void *data)
{
	for (size_t m = 0; m < input->count; m++)
		for (size_t i = 0; i < input->manifests[m]->node_count; i++) {
			const struct node *node = &input->manifests[m]->nodes[i];

			if (strcmp(node->name, input->node) != 0 && visit(node, data))
				return node;
		}
	return NULL;
}

static bool add_addresses(const struct node *node, void *data)
{
	for (size_t i = 0; i < node->addresses.count; i++)
		if (is_global(&node->addresses.list[i]))
			address_list_add(data, &node->addresses.list[i]);
	return false;
}

struct address_list own_address_others(const struct policy_input *input)
{
	struct address_list others = {};

	find_other(input, add_addresses, &others);
	address_list_sort_once(&others);
	return others;
}

static bool has_address(const struct node *node, void *data)
{
	return address_list_find(&node->addresses, data);
}

const char *own_address_node(const struct policy_input *input, const struct address *address)
{
	struct address key = *address;
	const struct node *node = find_other(input, has_address, &key);

	return node ? node->name : NULL;
}
