// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lease_owner.h"
#include "lease_peer.h"

static int owner_compare(const void *a, const void *b)
{
	const struct lease_owner *left = a, *right = b;
	int order = address_compare(&left->address, &right->address);

	return order ?: strcmp(left->peer->name, right->peer->name);
}

static int address_find(const void *address, const void *row)
{
	return address_compare(address, &((const struct lease_owner *)row)->address);
}

const struct lease_peer *lease_owner_find(const struct lease_machine *machine,
					  const struct address *address)
{
	const struct lease_owner *found =
		machine->owner_count ? bsearch(address, machine->owners, machine->owner_count,
					       sizeof(*found), address_find)
				     : NULL;

	return found ? found->peer : NULL;
}

/* A node that is silent counts until it is declared dead: it may come back any time. */
static bool peer_owns(const struct lease_machine *machine, const struct lease_peer *peer)
{
	return peer != machine->self && peer->shape == RECORD_GOOD &&
	       lease_heartbeat_beats(&peer->heartbeat);
}

void lease_owners_run(struct lease_machine *machine)
{
	struct lease_owner *owners;
	size_t count = 0;

	if (!machine->owners_due || !machine->synced)
		return;
	machine->owners_due = false;
	for (const struct lease_peer *peer = machine->peers; peer; peer = peer->hh.next)
		count += peer_owns(machine, peer) ? peer->heartbeat.own_count : 0;
	owners = xcalloc(count + 1, sizeof(*owners));
	count = 0;
	for (const struct lease_peer *peer = machine->peers; peer; peer = peer->hh.next)
		for (size_t i = 0; peer_owns(machine, peer) && i < peer->heartbeat.own_count; i++)
			owners[count++] = (struct lease_owner){ peer->heartbeat.own[i], peer };
	qsort(owners, count, sizeof(*owners), owner_compare);
	if (machine->owners && count == machine->owner_count &&
	    !memcmp(owners, machine->owners, count * sizeof(*owners))) {
		free(owners);
		return;
	}
	free(machine->owners);
	machine->owners = owners;
	machine->owner_count = count;
	machine->callbacks->owners(machine->userdata);
}

void lease_owners_forget(struct lease_machine *machine)
{
	free(machine->owners);
	machine->owners = NULL;
	machine->owner_count = 0;
	machine->owners_due = true;
}

int lease_owners_list(const struct lease_machine *machine, struct address_list *addresses)
{
	if (!machine->owners)
		return -EAGAIN;
	for (size_t i = 0; i < machine->owner_count; i++)
		if (!i ||
		    address_compare(&machine->owners[i - 1].address, &machine->owners[i].address))
			address_list_add(addresses, &machine->owners[i].address);
	return 0;
}
