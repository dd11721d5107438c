// SPDX-License-Identifier: GPL-2.0-or-later
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "binary_search.h"
#include "holding.h"

/* A port, and the number of a key's addresses on which a Service with the key uses it. */
struct port_use {
	uint32_t port;
	size_t addresses;
};

/* Addresses that are shared under one key. */
struct key {
	char *name;
	struct address_list addresses; /* ascending */
	struct port_use *ports;	       /* ascending */
	size_t port_count;
};

static int compare_holdings(const void *a, const void *b)
{
	const struct holding *left = a, *right = b;

	return address_compare(&left->address, &right->address);
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static void holding_free(void *at)
{
	struct holding *holding = at;

	free(holding->list);
	free(holding);
}

static void key_free(void *at)
{
	struct key *key = at;

	address_list_free(&key->addresses);
	free(key->ports);
	free(key->name);
	free(key);
}

void holdings_free(struct holdings *holdings)
{
	tdestroy(holdings->by_address, holding_free);
	tdestroy(holdings->by_key, key_free);
	*holdings = (struct holdings){};
}

struct holding *holdings_find(const struct holdings *holdings, const struct address *address)
{
	const struct holding search = { .address = *address };
	struct holding **found = tfind(&search, &holdings->by_address, compare_holdings);

	return found ? *found : NULL;
}

static struct key *find_key(const struct holdings *holdings, const char *name)
{
	const struct key search = { .name = (char *)name };
	struct key **found = tfind(&search, &holdings->by_key, compare_keys);

	return found ? *found : NULL;
}

/* Adds @change to the number of addresses of each of @service's ports. Services that share an
 * address have no port in common, so each port on it is one Service's. */
static void count_ports(struct key *key, const struct service *service, int change)
{
	size_t count = 0, at = 0;
	struct port_use *merged =
		xcalloc(key->port_count + service->port_count + 1, sizeof(*merged));

	for (size_t i = 0; i < service->port_count; i++) {
		uint32_t port = service->ports[i];

		if (i && port == service->ports[i - 1])
			continue;
		while (at < key->port_count && key->ports[at].port < port)
			merged[count++] = key->ports[at++];
		merged[count].port = port;
		if (at < key->port_count && key->ports[at].port == port)
			merged[count] = key->ports[at++];
		merged[count].addresses += change;
		if (merged[count].addresses)
			count++;
	}
	while (at < key->port_count)
		merged[count++] = key->ports[at++];
	free(key->ports);
	key->ports = merged;
	key->port_count = count;
}

static int compare_ports(const void *a, const void *b)
{
	const struct port_use *left = a, *right = b;

	return left->port < right->port ? -1 : left->port > right->port;
}

/* True if one of @service's ports is in use on every address of @key, so that none can be shared.
 */
static bool all_conflict(const struct key *key, const struct service *service)
{
	for (size_t i = 0; key->port_count && i < service->port_count; i++) {
		const struct port_use search = { .port = service->ports[i] };
		/* port_count is checked since bsearch() must not get NULL */
		const struct port_use *found = bsearch(&search, key->ports, key->port_count,
						       sizeof(search), compare_ports);

		if (found && found->addresses == key->addresses.count)
			return true;
	}
	return false;
}

const struct address_list *holdings_to_share(const struct holdings *holdings,
					     const struct service *service)
{
	const struct key *key =
		service->sharing_key ? find_key(holdings, service->sharing_key) : NULL;

	return key && !all_conflict(key, service) ? &key->addresses : NULL;
}

static void insert(void **tree, void *made, int (*compare)(const void *, const void *))
{
	if (!tsearch(made, tree, compare))
		alloc_fail();
}

static struct key *key_new(struct holdings *holdings, const char *name)
{
	struct key *key = xcalloc(1, sizeof(*key));

	key->name = xstrdup(name);
	insert(&holdings->by_key, key, compare_keys);
	return key;
}

static struct holding *holding_new(struct holdings *holdings, const struct address *address)
{
	struct holding *holding = xcalloc(1, sizeof(*holding));

	holding->address = *address;
	insert(&holdings->by_address, holding, compare_holdings);
	return holding;
}

/* Where @address is in @addresses, which are ascending, or belongs. */
static size_t place_of(const struct address_list *addresses, const struct address *address)
{
	return SEARCH_FIRST(at, addresses->count,
			    address_compare(&addresses->list[at], address) < 0);
}

static void key_add(struct holdings *holdings, const struct service *service,
		    const struct address *address)
{
	const char *name = service->sharing_key;
	struct key *key = find_key(holdings, name) ?: key_new(holdings, name);
	struct address_list *addresses = &key->addresses;
	size_t at = place_of(addresses, address);

	count_ports(key, service, 1);
	if (at < addresses->count && !address_compare(&addresses->list[at], address))
		return;
	address_list_add(addresses, address);
	memmove(addresses->list + at + 1, addresses->list + at,
		(addresses->count - at - 1) * sizeof(*addresses->list));
	addresses->list[at] = *address;
}

/* @last: no other Service with this key has @address. */
static void key_remove(struct holdings *holdings, const struct service *service,
		       const struct address *address, bool last)
{
	struct key *key = find_key(holdings, service->sharing_key);
	struct address_list *addresses = &key->addresses;
	size_t at = place_of(addresses, address);

	count_ports(key, service, -1);
	if (!last)
		return;
	memmove(addresses->list + at, addresses->list + at + 1,
		(addresses->count - at - 1) * sizeof(*addresses->list));
	if (--addresses->count)
		return;
	tdelete(key, &holdings->by_key, compare_keys);
	key_free(key);
}

/* Does a Service with @key hold the address, not only lingering? */
static bool has_key(const struct holding *holding, const char *key)
{
	for (size_t i = 0; i < holding->count; i++) {
		const struct holder *holder = &holding->list[i];

		if (!holder->lingering && holder->service->sharing_key &&
		    !strcmp(holder->service->sharing_key, key))
			return true;
	}
	return false;
}

bool holdings_join(struct holdings *holdings, const struct address *address,
		   const struct service *service, bool lingering)
{
	struct holding *holding =
		holdings_find(holdings, address) ?: holding_new(holdings, address);

	ALLOC_GROW(holding->list, holding->count, holding->capacity);
	holding->list[holding->count++] = (struct holder){ service, lingering };
	if (!lingering && service->sharing_key)
		key_add(holdings, service, address);
	return holding->count == 1;
}

bool holdings_leave(struct holdings *holdings, const struct address *address,
		    const struct service *service)
{
	struct holding *holding = holdings_find(holdings, address);
	bool lingering;
	size_t at = 0;

	while (holding->list[at].service != service)
		at++;
	lingering = holding->list[at].lingering;
	holding->list[at] = holding->list[--holding->count];
	if (!lingering && service->sharing_key)
		key_remove(holdings, service, address, !has_key(holding, service->sharing_key));
	if (holding->count)
		return false;
	tdelete(holding, &holdings->by_address, compare_holdings);
	holding_free(holding);
	return true;
}

const char *holding_refuses(const struct holding *holding, const struct service *service,
			    bool lingering)
{
	bool compared = false;

	for (size_t i = 0; i < holding->count; i++) {
		const struct holder *holder = &holding->list[i];
		const char *why;

		if (holder->lingering && !lingering)
			continue;
		/* those that hold it have the same key, policy and pods, and with Local the same
		 * namespace, however many they are */
		why = compared && !holder->lingering
			      ? service_pair_conflict(holder->service, service)
			      : service_sharing_conflict(holder->service, service);
		if (why)
			return why;
		compared |= !holder->lingering;
	}
	return NULL;
}
