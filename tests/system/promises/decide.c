// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * decide: what is decided for Kubernetes objects, without an API server, a network or a clock.
 *
 * Reads a case a line from stdin: {"steps": [[OBJECT...]...], "classRequired": bool,
 * "ignoreExclusion": bool}. The objects of a step take the place of the former ones; what pools
 * gave stays written. Prints a line for each: a list of what is decided, an element a step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "allocator.h"
#include "cleanup.h"
#include "manifest.h"
#include "policy.h"
#include "policy_force.h"

#define NODE "node-1"
/* Until there is nothing to write: one round decides, one confirms. */
#define ROUNDS 4

/* What is written of a Service, where this stands for the API server. */
struct written {
	struct service *service; /* NULL: it is gone */
	char *name;
	struct address_list addresses;
	bool ours;
	char *reason, *message;
};

struct world {
	struct service_class class;
	struct allocator *allocator;
	struct manifest manifest;
	struct written list[64];
	size_t count;
	json_t *notes;
	bool ignore_exclusion;
};

static void fail(const char *what, const char *of)
{
	fprintf(stderr, "decide: %s: %s\n", of, what);
	exit(1);
}

/* The devices of the node: eth1's carrier doesn't matter, lo and the bridge's port never count. */
static struct links_row rows[] = {
	{ .link = { .ifindex = 1, .name = "lo" } },
	{ .link = { .ifindex = 2, .name = "eth1" }, .suitable = true },
	{ .link = { .ifindex = 3, .name = "eth2" }, .suitable = true },
	{ .link = { .ifindex = 4, .name = "wan0" }, .suitable = true },
	{ .link = { .ifindex = 5, .name = "br0" }, .suitable = true },
	{ .link = { .ifindex = 6, .name = "veth9", .master = 5 } },
};
static const struct links_table links = { rows, sizeof(rows) / sizeof(rows[0]) };

static void note(const char *text, void *data)
{
	struct world *world = data;

	json_array_append_new(world->notes, json_string(text));
}

static void written_clear(struct written *written)
{
	address_list_free(&written->addresses);
	free(written->name);
	free(written->reason);
	free(written->message);
	*written = (struct written){};
}

static struct written *find(struct world *world, const struct service *service)
{
	_cleanup_free_ char *name = xasprintf("%s/%s", service->namespace, service->name);

	for (size_t i = 0; i < world->count; i++)
		if (!strcmp(world->list[i].name, name))
			return &world->list[i];
	return NULL;
}

static void set_service(struct world *world, struct service *service)
{
	struct written *written = find(world, service);

	if (!written) {
		if (world->count == sizeof(world->list) / sizeof(world->list[0]))
			fail("too many Services", service->name);
		written = &world->list[world->count++];
		*written = (struct written){
			.name = xasprintf("%s/%s", service->namespace, service->name),
		};
		for (size_t i = 0; i < service->load_balancer.count; i++)
			address_list_add(&written->addresses, &service->load_balancer.list[i]);
	}
	written->service = service;
	allocator_set_service(world->allocator, service, &written->addresses);
}

static void remove_gone(struct world *world)
{
	for (size_t i = 0; i < world->count; i++) {
		struct written *gone = &world->list[i];
		char *slash = strchr(gone->name, '/');

		if (gone->service)
			continue;
		*slash = '\0';
		allocator_remove_service(world->allocator,
					 &(struct service){ .namespace = gone->name,
							    .name = slash + 1 });
		written_clear(gone);
		*gone = world->list[--world->count];
		i--;
	}
}

static void reserve(struct allocator *allocator, const struct manifest *manifest)
{
	struct address_list reserved = {};

	for (size_t i = 0; i < manifest->node_count; i++) {
		const struct address_list *addresses = &manifest->nodes[i].addresses;

		for (size_t j = 0; j < addresses->count; j++)
			address_list_add(&reserved, &addresses->list[j]);
	}
	address_list_sort(&reserved);
	allocator_set_reserved(allocator, &reserved);
	address_list_free(&reserved);
}

/* Makes the world what @objects say. */
static int give(struct world *world, const json_t *objects, struct err *err)
{
	const struct place place = { .name = "given" };
	struct manifest manifest = { .node = NODE };
	json_t *object;
	size_t i;

	json_array_foreach(objects, i, object)
	{
		int r = manifest_add(&manifest, &place, object, note, world, err);

		if (r < 0) {
			manifest_free(&manifest);
			return r;
		}
	}
	for (i = 0; i < world->count; i++)
		world->list[i].service = NULL;
	for (i = 0; i < manifest.service_count; i++)
		set_service(world, manifest.services[i]);
	remove_gone(world);
	reserve(world->allocator, &manifest);
	allocator_set_pools(world->allocator, manifest.pools, manifest.pool_count);
	manifest_free(&world->manifest);
	world->manifest = manifest;
	return 0;
}

/* No address is ever written for two Services that can't share it. Where two statuses had it to
 * begin with, that is not of our making. */
static void check_written(const struct world *world, const struct written *written)
{
	for (size_t i = 0; i < world->count; i++) {
		const struct written *other = &world->list[i];

		for (size_t k = 0; other != written && k < other->addresses.count; k++)
			if (address_list_has(&written->addresses, &other->addresses.list[k]) &&
			    !address_list_has(&other->service->load_balancer,
					      &other->addresses.list[k]) &&
			    service_sharing_conflict(other->service, written->service))
				fail("written twice", written->name);
	}
}

static bool same(const struct address_list *a, const struct address_list *b)
{
	return a->count == b->count &&
	       (!a->count || !memcmp(a->list, b->list, a->count * sizeof(*a->list)));
}

/* Writes what is decided. Returns whether that changes anything. */
static bool write_verdict(struct world *world, const struct verdict *verdict)
{
	struct written *written = find(world, verdict->service);

	if (!verdict->ours && !written->ours)
		return false;
	written->ours = verdict->ours;
	free(written->reason);
	free(written->message);
	written->reason = xstrdup(verdict->ours ? verdict->reason : "");
	written->message = xstrdup(verdict->ours ? verdict->message : "");
	if (verdict->ours && verdict->satisfied != !strcmp(verdict->reason, "satisfied"))
		fail("a reason that isn't the condition's", written->name);
	if (same(&written->addresses, &verdict->addresses))
		return false;
	address_list_free(&written->addresses);
	for (size_t i = 0; i < verdict->addresses.count; i++)
		address_list_add(&written->addresses, &verdict->addresses.list[i]);
	check_written(world, written);
	return true;
}

/* Decides and writes until there is nothing to write. */
static void settle(struct world *world)
{
	bool again = true;

	for (int round = 0; again; round++) {
		size_t count;
		const struct verdict *const *verdicts = allocator_settle(world->allocator, &count);

		if (round == ROUNDS)
			fail("no end", "the allocator");
		again = false;
		for (size_t i = 0; i < count; i++)
			again |= write_verdict(world, verdicts[i]);
		for (size_t i = 0; i < world->count && again; i++)
			allocator_set_service(world->allocator, world->list[i].service,
					      &world->list[i].addresses);
	}
}

static json_t *addresses_json(const struct address_list *addresses)
{
	json_t *list = json_array();
	char ip[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < addresses->count; i++)
		json_array_append_new(list, json_string(address_format(&addresses->list[i], ip)));
	return list;
}

/* Of the Services that are ours. */
static json_t *given_json(const struct world *world)
{
	json_t *given = json_object();

	for (size_t i = 0; i < world->count; i++) {
		const struct written *written = &world->list[i];

		if (written->ours)
			json_object_set_new(given, written->name,
					    json_pack("{s:o, s:s, s:s}", "addresses",
						      addresses_json(&written->addresses), "reason",
						      written->reason, "message",
						      written->message));
	}
	return given;
}

static json_t *number_json(unsigned __int128 number)
{
	char digits[40], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do
		*--at = '0' + (int)(number % 10);
	while (number /= 10);
	return json_string(at);
}

static json_t *pools_json(const struct world *world)
{
	json_t *pools = json_object();
	struct pool_status status;

	for (size_t i = 0; allocator_pool_status(world->allocator, i, &status); i++) {
		if (status.conflict != !!*status.message)
			fail("a conflict without a message", status.pool->name);
		json_object_set_new(pools, status.pool->name,
				    json_pack("{s:o, s:o, s:o, s:b, s:s}", "total",
					      number_json(status.total), "available",
					      number_json(status.available), "used",
					      number_json(status.used), "conflict", status.conflict,
					      "message", status.message));
	}
	return pools;
}

/* What the agent would announce, and why not the rest; as if the pools' addresses were written. */
static void add_announced(struct world *world, json_t *step)
{
	const struct manifest *manifests[] = { &world->manifest };
	const struct policy_input input = { .manifests = manifests,
					    .count = 1,
					    .node = NODE,
					    .class = world->class,
					    .links = &links,
					    .ignore_exclusion = world->ignore_exclusion };
	json_t *announced = json_array(), *silent = json_object();
	struct selection selection;
	char ip[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < world->count; i++) {
		struct written *written = &world->list[i];
		struct address_list *list = &written->service->load_balancer;

		if (!written->ours)
			continue;
		address_list_free(list);
		for (size_t j = 0; j < written->addresses.count; j++)
			address_list_add(list, &written->addresses.list[j]);
	}
	selection = policy_select(&input);
	for (size_t i = 0; i < selection.count; i++) {
		const struct selected *selected = &selection.list[i];
		enum reason reason = policy_forbids(&selection, selected->locality);

		address_format(&selected->address, ip);
		if (reason)
			json_object_set_new(silent, ip, json_string(reason_name(reason)));
		else
			json_array_append_new(
				announced,
				json_sprintf("%s %s", ip,
					     links_find(&links, selected->ifindex)->link.name));
	}
	for (size_t i = 0; i < selection.other_count; i++)
		json_object_set_new(silent, address_format(&selection.others[i].address, ip),
				    json_string(reason_name(selection.others[i].reason)));
	selection_free(&selection);
	json_object_set_new(step, "announced", announced);
	json_object_set_new(step, "silent", silent);
}

static json_t *decide_step(struct world *world, const json_t *objects)
{
	json_t *step = json_object();
	struct err err;

	world->notes = json_array();
	if (give(world, objects, &err) < 0) {
		json_object_set_new(step, "refused", json_string(err.text));
	} else {
		settle(world);
		json_object_set_new(step, "given", given_json(world));
		json_object_set_new(step, "pools", pools_json(world));
		add_announced(world, step);
	}
	json_object_set_new(step, "notes", world->notes);
	return step;
}

static void decide_case(const json_t *given)
{
	struct world world = {
		.class = { "io.cilium/l2-announcer",
			   json_is_true(json_object_get(given, "classRequired")) },
		.ignore_exclusion = json_is_true(json_object_get(given, "ignoreExclusion")),
	};
	json_t *decided = json_array(), *step;
	size_t i;

	world.allocator = allocator_new(&world.class);
	json_array_foreach(json_object_get(given, "steps"), i, step)
		json_array_append_new(decided, decide_step(&world, step));
	json_dumpf(decided, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(decided);
	for (i = 0; i < world.count; i++)
		written_clear(&world.list[i]);
	allocator_free(world.allocator);
	manifest_free(&world.manifest);
}

int main(void)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		json_error_t error;
		json_t *given = json_loads(line, 0, &error);

		if (!given)
			fail(error.text, line);
		decide_case(given);
		json_decref(given);
	}
	return 0;
}
