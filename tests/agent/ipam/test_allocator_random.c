// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random histories of Services, pools, writes and crashes over a few addresses. Each decision is
 * compared with that of a naive allocator, which knows neither ranges nor trees nor what changed:
 * it walks through all addresses for all Services, each time, by the rules of docs/pools.md. Beside
 * that: no address that is given anew is in another's status; none is outside of the pools; none is
 * taken back without a reason; and it comes to an end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <criterion/criterion.h>

#include "allocator.h"

#define V4_COUNT 12
#define V6_COUNT 6
#define OUTSIDE	 1 /* one that no pool has */
#define UNIVERSE (V4_COUNT + V6_COUNT + OUTSIDE)
#define SERVICES 7
#define POOLS	 4
#define BLOCKS	 2

/* What a Service says. */
struct want {
	bool there, load_balancer, foreign;
	int created, namespace, color;
	unsigned int requested; /* a bit an address */
	bool family[2];		/* IPv4, IPv6 */
	int key;		/* 0: none */
	bool across;
	unsigned int ports; /* two numbers over TCP, the same two over UDP */
	bool local;
	int pods; /* 0: none */
};

struct supply {
	bool there, disabled, reserve;
	int created, color; /* of the Services that it selects; -1: all */
	int count;
	struct {
		int first, last;
		bool cidr;
	} blocks[BLOCKS];
};

/* A Service as it is, and as the naive allocator sees it. */
struct modelled {
	struct want want;
	unsigned int status; /* the truth, a bit an address */
	bool writing;	     /* a write of will_be is under way */
	unsigned int will_be;
	/* the naive allocator's */
	struct want basis; /* that held was decided for */
	bool dirty, known, ours;
	unsigned int held, written;
	const char *reason;
	/* as the real one told it */
	unsigned int told;
	bool told_ours;
	char told_words[200]; /* its reason and message */
};

struct world {
	struct allocator *allocator;
	struct modelled services[SERVICES];
	struct supply pools[POOLS];
	bool in_use[POOLS], conflict[POOLS];
	bool sharing; /* otherwise nobody does in this history */
	uint64_t random;
	unsigned long seed;
	/* pools' status after the last decision */
	uint64_t used[POOLS];
	size_t shown;
};

static const struct service_class class = { "xdp-l2resp", false };

static unsigned int draw(struct world *world, unsigned int below)
{
	world->random = world->random * 6364136223846793005 + 1442695040888963407;
	return (world->random >> 33) % below;
}

static bool chance(struct world *world, unsigned int percent)
{
	return draw(world, 100) < percent;
}

static bool is_v4(int index)
{
	return index < V4_COUNT;
}

static struct address address_at(int index)
{
	struct address address = { .bytes = { [10] = 0xff, [11] = 0xff, 198, 18, 0, index } };

	if (index == UNIVERSE - 1)
		return (struct address){ .bytes = { 0x20, 0x01, 0x0d, 0xb8, [14] = 9 } };
	if (!is_v4(index))
		address = (struct address){ .bytes = { 0x20, 0x01, 0x0d,
						       0xb8, [15] = index - V4_COUNT } };
	return address;
}

static int index_of(const struct address *address)
{
	for (int i = 0; i < UNIVERSE; i++) {
		struct address at = address_at(i);

		if (!address_compare(&at, address))
			return i;
	}
	cr_assert_fail("an address from nowhere");
	return -1;
}

static void list_of(unsigned int bits, struct address_list *list)
{
	for (int i = 0; i < UNIVERSE; i++) {
		struct address address = address_at(i);

		if (bits & 1U << i)
			address_list_add(list, &address);
	}
}

/* The naive allocator. */

static bool pool_has(const struct supply *pool, int address, bool usable)
{
	for (int i = 0; i < pool->count; i++) {
		int first = pool->blocks[i].first, last = pool->blocks[i].last;

		if (usable && pool->reserve && pool->blocks[i].cidr && last - first > 1) {
			first++;
			last--;
		}
		if (first <= address && address <= last)
			return true;
	}
	return false;
}

static bool selects(const struct supply *pool, const struct want *want)
{
	return pool->there && (pool->color < 0 || pool->color == want->color);
}

/* The next of @count by @rank behind @after, or -1. */
static int next_by_rank(const int *rank, int count, int after)
{
	int next = -1;

	for (int i = 0; i < count; i++)
		if (rank[i] > after && (next < 0 || rank[i] < rank[next]))
			next = i;
	return next;
}

static int pool_rank(const struct supply *pool, int at)
{
	return pool->there ? 100 * pool->created + at : -1;
}

static int service_rank(const struct want *want, int at)
{
	return want->there ? 1000 * want->created + 100 * want->namespace + at : -1;
}

/* Addresses that @a has and @b too, or one twice. */
static bool overlap(const struct supply *a, const struct supply *b)
{
	for (int i = 0; i < UNIVERSE; i++) {
		int in_a = 0, in_b = 0;

		for (int j = 0; j < BLOCKS; j++) {
			in_a += j < a->count && a->blocks[j].first <= i && i <= a->blocks[j].last;
			in_b += j < b->count && b->blocks[j].first <= i && i <= b->blocks[j].last;
		}
		if (a == b ? in_a > 1 : in_a && in_b)
			return true;
	}
	return false;
}

static void naive_pools(struct world *world)
{
	int rank[POOLS];

	for (int i = 0; i < POOLS; i++) {
		rank[i] = pool_rank(&world->pools[i], i);
		world->in_use[i] = world->conflict[i] = false;
	}
	for (int at = next_by_rank(rank, POOLS, -1); at >= 0;
	     at = next_by_rank(rank, POOLS, rank[at])) {
		const struct supply *pool = &world->pools[at];

		world->conflict[at] = overlap(pool, pool);
		for (int i = 0; i < POOLS; i++)
			if (rank[i] >= 0 && rank[i] < rank[at] && !world->conflict[i] &&
			    overlap(pool, &world->pools[i]))
				world->conflict[at] = true;
		world->in_use[at] = !world->conflict[at] && !pool->disabled;
	}
}

static bool compatible(const struct want *a, const struct want *b)
{
	if (!a->key || a->key != b->key || (a->ports & b->ports) || a->local != b->local)
		return false;
	if (a->namespace != b->namespace && !(a->across && b->across))
		return false;
	return !a->local || (a->namespace == b->namespace && a->pods && a->pods == b->pods);
}

/* Does everybody else who has @address, and who had it if @lingering, let @at have it too? */
static bool naive_admits(const struct world *world, int at, int address, bool lingering)
{
	for (int i = 0; i < SERVICES; i++) {
		const struct modelled *other = &world->services[i];
		unsigned int has = other->held | (lingering ? other->written : 0);

		if (other->known && has & 1U << address &&
		    (i != at || !(other->held & 1U << address)) &&
		    !compatible(&other->basis, &world->services[at].basis))
			return false;
	}
	return true;
}

static bool family_held(unsigned int held, bool v4)
{
	for (int i = 0; i < UNIVERSE; i++)
		if (held & 1U << i && is_v4(i) == v4)
			return true;
	return false;
}

/* Is @address of a pool that is there for @want, whatever its state? */
static bool naive_fits(const struct world *world, const struct want *want, int address)
{
	bool in_pool = false;

	for (int i = 0; i < POOLS; i++)
		in_pool |= selects(&world->pools[i], want) &&
			   pool_has(&world->pools[i], address, false);
	return in_pool &&
	       (want->requested ? want->requested & 1U << address : want->family[!is_v4(address)]);
}

static void naive_keep(struct world *world, int at, unsigned int candidates)
{
	struct modelled *service = &world->services[at];

	for (int i = 0; i < UNIVERSE; i++)
		if (candidates & 1U << i && naive_fits(world, &service->basis, i) &&
		    (service->basis.requested || !family_held(service->held, is_v4(i))) &&
		    naive_admits(world, at, i, false))
			service->held |= 1U << i;
}

static bool same_terms(const struct want *a, const struct want *b)
{
	return a->there && a->key == b->key && a->across == b->across && a->ports == b->ports &&
	       a->local == b->local && a->pods == b->pods;
}

static int in_use_with(const struct world *world, int address)
{
	for (int i = 0; i < POOLS; i++)
		if (world->in_use[i] && pool_has(&world->pools[i], address, false))
			return i;
	return -1;
}

static void naive_request(struct world *world, int at)
{
	struct modelled *service = &world->services[at];

	for (int i = 0; i < UNIVERSE; i++) {
		int pool = in_use_with(world, i);

		if (!(service->basis.requested & 1U << i & ~service->held))
			continue;
		if (pool < 0)
			service->reason = "no_pool";
		else if (!selects(&world->pools[pool], &service->basis))
			service->reason = "pool_selector_mismatch";
		else if (!pool_has(&world->pools[pool], i, true))
			service->reason = "already_allocated";
		else if (!naive_admits(world, at, i, true))
			service->reason = service->basis.key
						  ? "already_allocated_incompatible_service"
						  : "already_allocated";
		else
			service->held |= 1U << i;
	}
}

/* An address of the family that somebody of the same key has, or (@shared false) nobody. */
static bool naive_take(struct world *world, int at, bool v4, bool shared, int pool, int block)
{
	struct modelled *service = &world->services[at];

	for (int i = 0; i < UNIVERSE; i++) {
		int from = in_use_with(world, i);
		bool of_key = false, had = false;

		for (int j = 0; j < SERVICES; j++) {
			const struct modelled *other = &world->services[j];

			if (!other->known)
				continue;
			had |= !!((other->held | other->written) & 1U << i);
			of_key |= other->held & 1U << i && service->basis.key &&
				  other->basis.key == service->basis.key;
		}
		if (is_v4(i) != v4 || from < 0 || !selects(&world->pools[from], &service->basis) ||
		    !pool_has(&world->pools[from], i, true))
			continue;
		if (shared ? !of_key || !naive_admits(world, at, i, true)
			   : had || from != pool || i < world->pools[pool].blocks[block].first ||
				     i > world->pools[pool].blocks[block].last)
			continue;
		service->held |= 1U << i;
		return true;
	}
	return false;
}

static void naive_any(struct world *world, int at, bool v4)
{
	struct modelled *service = &world->services[at];
	bool pools = false;
	int rank[POOLS];

	if (!service->basis.family[!v4] || family_held(service->held, v4) ||
	    naive_take(world, at, v4, true, 0, 0))
		return;
	for (int i = 0; i < POOLS; i++)
		rank[i] = pool_rank(&world->pools[i], i);
	for (int i = next_by_rank(rank, POOLS, -1); i >= 0; i = next_by_rank(rank, POOLS, rank[i]))
		for (int j = 0; world->in_use[i] && selects(&world->pools[i], &service->basis) &&
				j < world->pools[i].count;
		     j++) {
			if (is_v4(world->pools[i].blocks[j].first) != v4)
				continue;
			pools = true;
			if (naive_take(world, at, v4, false, i, j))
				return;
		}
	service->reason = pools ? "out_of_ips" : "no_pool";
}

static void naive_settle(struct world *world)
{
	unsigned int before[SERVICES];
	bool steady[SERVICES], any_pool = false;
	int rank[SERVICES];

	for (int i = 0; i < POOLS; i++)
		any_pool |= world->pools[i].there;
	naive_pools(world);
	for (int i = 0; i < SERVICES; i++) {
		struct modelled *service = &world->services[i];

		rank[i] = service_rank(&service->want, i);
		before[i] = service->held;
		if (!service->dirty)
			continue;
		steady[i] = same_terms(&service->basis, &service->want);
		service->basis = service->want;
		service->known = service->want.there;
		service->held = 0;
		service->ours = service->known && service->want.load_balancer &&
				!service->want.foreign && (any_pool || service->ours);
	}
	for (int pass = 0; pass < 3; pass++)
		for (int i = next_by_rank(rank, SERVICES, -1); i >= 0;
		     i = next_by_rank(rank, SERVICES, rank[i])) {
			struct modelled *service = &world->services[i];

			if (service->dirty && service->ours && (pass == 2 || steady[i] == !pass))
				naive_keep(world, i, pass == 2 ? service->written : before[i]);
		}
	for (int requests = 1; requests >= 0; requests--)
		for (int i = next_by_rank(rank, SERVICES, -1); i >= 0;
		     i = next_by_rank(rank, SERVICES, rank[i])) {
			struct modelled *service = &world->services[i];

			if (!service->known || !service->ours ||
			    (service->basis.requested == 0) == requests)
				continue;
			service->reason = "satisfied";
			if (requests)
				naive_request(world, i);
			else
				naive_any(world, i, true);
			if (!requests)
				naive_any(world, i, false);
		}
	for (int i = 0; i < SERVICES; i++)
		world->services[i].dirty = false;
}

/* The real one. */

static char *text_of(const char *format, int number)
{
	char *text;

	cr_assert_geq(asprintf(&text, format, number), 0);
	return text;
}

static struct service *service_of(const struct want *want, int at)
{
	struct service *service = xcalloc(1, sizeof(*service));
	char color[] = { '0' + want->color, '\0' };

	service->references = 1;
	service->name = text_of("s%d", at);
	service->namespace = text_of("n%d", want->namespace);
	service->created = text_of("2026-01-%02dT00:00:00Z", want->created + 1);
	labels_set(&service->labels, "color", color);
	service->wants_load_balancer = want->load_balancer;
	service->class = want->foreign ? strdup("example.com/other") : NULL;
	list_of(want->requested, &service->requested);
	service->v4 = want->family[0];
	service->v6 = want->family[1];
	service->sharing_key = want->key ? text_of("k%d", want->key) : NULL;
	if (want->across) {
		labels_set(&service->sharing_namespaces, "x", "");
		labels_set(&service->sharing_namespaces, "*", "");
	}
	service->ports = calloc(4, sizeof(*service->ports));
	for (unsigned int port = 0; port < 4; port++)
		if (want->ports & 1U << port)
			service->ports[service->port_count++] =
				SERVICE_PORT(port / 2, port % 2 + 1);
	service->local = want->local;
	service->pods = want->pods ? text_of("app=%d,", want->pods) : NULL;
	return service;
}

/* Tells both of Service @at. */
static void set(struct world *world, int at)
{
	struct modelled *service = &world->services[at];
	unsigned int written = service->status | (service->writing ? service->will_be : 0);
	struct address_list list = {};
	struct service *given;

	service->dirty = true;
	service->written = written;
	given = service_of(&service->want, at);
	list_of(written, &list);
	allocator_set_service(world->allocator, given, &list);
	address_list_free(&list);
	service_unref(given);
}

static void unset(struct world *world, int at)
{
	struct modelled *service = &world->services[at];
	char name[] = { 's', '0' + at, '\0' },
	     namespace[] = { 'n', '0' + service->want.namespace, '\0' };

	allocator_remove_service(world->allocator,
				 &(struct service){ .namespace = namespace, .name = name });
	service->want.there = false;
	service->dirty = true;
	service->status = service->written = 0;
	service->writing = false;
	service->told = service->held = 0;
	service->told_words[0] = '\0';
	service->told_ours = service->ours = service->known = false;
	service->basis = (struct want){};
}

static struct pool *pool_of(const struct supply *supply, int at)
{
	struct place place = { "pool", NULL };
	char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN], name[] = { 'a' + at, '\0' };
	json_t *blocks = json_array(), *spec, *object;
	struct pool *pool;
	struct err err;

	for (int i = 0; i < supply->count; i++) {
		int size = supply->blocks[i].last - supply->blocks[i].first + 1;
		bool v4 = is_v4(supply->blocks[i].first);
		struct address a = address_at(supply->blocks[i].first);
		struct address b = address_at(supply->blocks[i].last);
		int length = (v4 ? 32 : 128) - (size == 8 ? 3 : size / 2);

		address_format(&a, first);
		address_format(&b, last);
		if (supply->blocks[i].cidr)
			json_array_append_new(blocks,
					      json_pack("{s:o}", "cidr",
							json_sprintf("%s/%d", first, length)));
		else
			json_array_append_new(blocks, json_pack("{s:s, s:s}", "start", first,
								"stop", last));
	}
	spec = json_pack("{s:o, s:b, s:s}", "blocks", blocks, "disabled", supply->disabled,
			 "allowFirstLastIPs", supply->reserve ? "No" : "Yes");
	if (supply->color >= 0)
		json_object_set_new(spec, "serviceSelector",
				    json_pack("{s:{s:o}}", "matchLabels", "color",
					      json_sprintf("%d", supply->color)));
	object = json_pack("{s:{s:o}, s:o}", "metadata", "creationTimestamp",
			   json_sprintf("2026-01-%02dT00:00:00Z", supply->created + 1), "spec",
			   spec);
	cr_assert_eq(pool_parse(&place, object, name, &pool, &err), 0, "%s", err.text);
	json_decref(object);
	return pool;
}

static void set_pools(struct world *world)
{
	struct pool *pools[POOLS];
	size_t count = 0;

	for (int i = 0; i < POOLS; i++)
		if (world->pools[i].there)
			pools[count++] = pool_of(&world->pools[i], i);
	allocator_set_pools(world->allocator, pools, count);
	while (count)
		pool_unref(pools[--count]);
	for (int i = 0; i < SERVICES; i++)
		world->services[i].dirty |=
			world->services[i].known || world->services[i].want.there;
}

/* Why may @address be taken from @at, which had it? Looks at what there is after the decision. */
static bool taken_with_reason(const struct world *world, int at, int address)
{
	const struct modelled *service = &world->services[at];
	const struct want *want = &service->want;

	if (!service->ours || !naive_fits(world, want, address) ||
	    (!want->requested && family_held(service->held, is_v4(address))))
		return true;
	return !naive_admits(world, at, address, false);
}

static bool starts_with(const char *text, const char *word)
{
	return !strncmp(text, word, strlen(word)) && text[strlen(word)] == ' ';
}

static void check(struct world *world, const unsigned int before[SERVICES])
{
	struct pool_status status;
	size_t pools = 0;

	for (int i = 0; i < SERVICES; i++) {
		const struct modelled *service = &world->services[i];

		if (!service->want.there)
			continue;
		cr_assert_eq(service->told_ours, service->ours, "seed %lu: s%d", world->seed, i);
		cr_assert_eq(service->told, service->held, "seed %lu: s%d has %x, not %x",
			     world->seed, i, service->told, service->held);
		cr_assert(!service->ours || starts_with(service->told_words, service->reason),
			  "seed %lu: s%d is %s, not %s", world->seed, i, service->told_words,
			  service->reason);
		for (int address = 0; address < UNIVERSE; address++) {
			unsigned int bit = 1U << address;

			if (before[i] & bit & ~service->told)
				cr_assert(taken_with_reason(world, i, address),
					  "seed %lu: %d taken from s%d", world->seed, address, i);
			if (!(service->told & bit & ~before[i] & ~service->written))
				continue;
			cr_assert_geq(in_use_with(world, address), 0);
			for (int j = 0; j < SERVICES; j++) {
				const struct modelled *other = &world->services[j];
				unsigned int may_be =
					other->status | (other->writing ? other->will_be : 0);

				cr_assert(i == j || !(may_be & bit) ||
						  compatible(&service->want, &other->want),
					  "seed %lu: %d of s%d to s%d", world->seed, address, j, i);
			}
		}
	}
	for (size_t i = 0; allocator_pool_status(world->allocator, i, &status); i++, pools++) {
		const int at = status.pool->name[0] - 'a';
		unsigned int used = 0, total = 0;

		for (int address = 0; address < UNIVERSE; address++) {
			bool had = false;

			for (int j = 0; j < SERVICES; j++)
				had |= !!((world->services[j].held | world->services[j].written) &
					  1U << address) &&
				       world->services[j].known;
			used += had && pool_has(&world->pools[at], address, false);
			total += pool_has(&world->pools[at], address, true) ||
				 (had && pool_has(&world->pools[at], address, false));
		}
		cr_assert_eq(status.conflict, world->conflict[at], "seed %lu: %c", world->seed,
			     'a' + at);
		cr_assert_eq(status.used, used, "seed %lu: %c", world->seed, 'a' + at);
		world->used[i] = used;
		if (!overlap(&world->pools[at], &world->pools[at]))
			cr_assert(status.total == total && status.available == total - used,
				  "seed %lu: %c", world->seed, 'a' + at);
	}
	world->shown = pools;
}

/* Nothing of a decision under way is to be seen. */
static void check_unfinished(const struct world *world)
{
	struct pool_status status;
	size_t pools = 0;

	for (; allocator_pool_status(world->allocator, pools, &status); pools++)
		cr_assert(pools < world->shown && status.used == world->used[pools], "seed %lu",
			  world->seed);
	cr_assert_eq(pools, world->shown, "seed %lu", world->seed);
	for (int i = 0; i < SERVICES; i++) {
		struct service *service = service_of(&world->services[i].want, i);

		cr_assert(!allocator_verdict(world->allocator, service), "seed %lu", world->seed);
		service_unref(service);
	}
}

/* Lets both decide; what is to be written is under way then. */
static void settle(struct world *world)
{
	const struct verdict *const *verdicts;
	unsigned int before[SERVICES];
	size_t count;

	for (int i = 0; i < SERVICES; i++)
		before[i] = world->services[i].told;
	naive_settle(world);
	while (!allocator_decide(world->allocator, 1 + draw(world, 40)))
		check_unfinished(world);
	verdicts = allocator_settle(world->allocator, &count);
	for (size_t i = 0; i < count; i++) {
		const struct verdict *verdict = verdicts[i];
		struct modelled *service = &world->services[verdict->service->name[1] - '0'];

		unsigned int addresses = 0;
		bool changed = verdict->ours != service->told_ours;
		char words[sizeof(service->told_words)] = "";

		for (size_t j = 0; j < verdict->addresses.count; j++)
			addresses |= 1U << index_of(&verdict->addresses.list[j]);
		if (verdict->ours)
			snprintf(words, sizeof(words), "%s %s", verdict->reason, verdict->message);
		changed |= addresses != service->told ||
			   (verdict->ours && strcmp(words, service->told_words) != 0);
		cr_assert_eq(verdict->changed, changed, "seed %lu: '%s', '%s'", world->seed,
			     service->told_words, words);
		service->told = addresses;
		service->told_ours = verdict->ours;
		memcpy(service->told_words, words, sizeof(words));
		cr_assert(!verdict->ours || verdict->satisfied == !*verdict->message);
	}
	check(world, before);
	for (int i = 0; i < SERVICES; i++) {
		struct modelled *service = &world->services[i];

		/* told means that it may be written */
		service->written |= service->told;
		if (!service->want.there || !service->told_ours || service->writing ||
		    service->told == service->status)
			continue;
		service->writing = true;
		service->will_be = service->told;
	}
}

/* A write comes to its end, well or not. */
static void write_ends(struct world *world, int at, bool done)
{
	struct modelled *service = &world->services[at];

	if (!service->writing)
		return;
	service->writing = false;
	if (done)
		service->status = service->will_be;
	set(world, at);
}

static void draw_want(struct world *world, struct want *want)
{
	want->there = true;
	want->load_balancer = chance(world, 92);
	want->foreign = chance(world, 8);
	want->color = draw(world, 2);
	want->requested = 0;
	for (unsigned int i = chance(world, 30) ? 1 + draw(world, 2) : 0; i; i--)
		want->requested |= 1U << draw(world, UNIVERSE);
	want->family[0] = chance(world, 80);
	want->family[1] = !want->family[0] || chance(world, 30);
	want->key = world->sharing && chance(world, 60) ? 1 + draw(world, 2) : 0;
	want->across = chance(world, 50);
	want->ports = 1U << draw(world, 4) | (chance(world, 20) ? 1U << draw(world, 4) : 0);
	want->local = chance(world, 25);
	want->pods = draw(world, 3);
}

/* One thing of it is otherwise, mostly. */
static void change_want(struct world *world, struct want *want)
{
	struct want other = *want;

	draw_want(world, &other);
	switch (draw(world, 7)) {
	case 0:
		want->ports = other.ports;
		break;
	case 1:
		want->key = other.key;
		break;
	case 2:
		want->color = other.color;
		break;
	case 3:
		want->requested = other.requested;
		break;
	case 4:
		memcpy(want->family, other.family, sizeof(want->family));
		break;
	case 5:
		want->local = other.local;
		break;
	default:
		*want = other;
	}
}

static void draw_pool(struct world *world, struct supply *pool)
{
	*pool = (struct supply){
		.there = true,
		.disabled = chance(world, 20),
		.reserve = chance(world, 30),
		.created = draw(world, 3),
		.color = chance(world, 50) ? (int)draw(world, 2) : -1,
		.count = chance(world, 10) ? 0 : 1 + draw(world, BLOCKS),
	};
	for (int i = 0; i < pool->count; i++) {
		bool v4 = chance(world, 65);
		int base = v4 ? 0 : V4_COUNT, count = v4 ? V4_COUNT : V6_COUNT;
		int size = 1 << draw(world, 3);
		int first = draw(world, count - size + 1);

		pool->blocks[i].cidr = chance(world, 50);
		if (pool->blocks[i].cidr)
			first -= first % size;
		pool->blocks[i].first = base + first;
		pool->blocks[i].last = base + first + size - 1;
	}
}

/* All that isn't written is lost; what was under way has come to an end. */
static void crash(struct world *world)
{
	allocator_free(world->allocator);
	world->allocator = allocator_new(&class);
	world->shown = 0;
	cr_assert(world->allocator);
	for (int i = 0; i < SERVICES; i++) {
		struct modelled *service = &world->services[i];

		if (service->writing && chance(world, 50))
			service->status = service->will_be;
		service->writing = service->known = service->ours = service->told_ours = false;
		service->held = service->told = 0;
		service->told_words[0] = '\0';
		service->basis = (struct want){};
		if (service->want.there)
			set(world, i);
	}
	set_pools(world);
}

static void event(struct world *world)
{
	int at = draw(world, SERVICES), pool = draw(world, POOLS);
	struct modelled *service = &world->services[at];

	switch (draw(world, 12)) {
	case 0:
	case 1:
	case 2:
		if (!service->want.there) {
			/* one of this name that went is forgotten, its writes with it */
			draw_want(world, &service->want);
			service->want.created = draw(world, 3);
			service->want.namespace = draw(world, 2);
		} else {
			change_want(world, &service->want);
		}
		set(world, at);
		break;
	case 3:
		if (service->want.there)
			unset(world, at);
		break;
	case 4:
		if (chance(world, 50))
			break;
		if (world->pools[pool].there && chance(world, 40))
			world->pools[pool].there = false;
		else
			draw_pool(world, &world->pools[pool]);
		set_pools(world);
		break;
	case 5:
	case 6:
		write_ends(world, at, chance(world, 80));
		break;
	case 7:
		if (chance(world, 20))
			crash(world);
		break;
	default:
		settle(world);
	}
}

/* A history, and after it some quiet, in which everything comes to rest. */
static void run(unsigned long seed, bool sharing)
{
	struct world world = { .allocator = allocator_new(&class),
			       .sharing = sharing,
			       .random = seed * 0x9e3779b97f4a7c15,
			       .seed = seed };
	bool rest = false;

	cr_assert(world.allocator);
	for (int i = 0; i < 2; i++)
		draw_pool(&world, &world.pools[i]);
	set_pools(&world);
	for (int i = 0; i < 120; i++)
		event(&world);
	for (int round = 0; !rest; round++) {
		cr_assert_lt(round, 5, "seed %lu: no end", seed);
		settle(&world);
		rest = true;
		for (int i = 0; i < SERVICES; i++) {
			rest &= !world.services[i].writing;
			write_ends(&world, i, true);
		}
	}
	for (int i = 0; i < SERVICES; i++)
		for (int j = 0; j < i; j++)
			cr_assert(!(world.services[i].held & world.services[j].held) ||
					  compatible(&world.services[i].want,
						     &world.services[j].want),
				  "seed %lu: s%d and s%d", seed, i, j);
	allocator_free(world.allocator);
}

Test(allocator, histories)
{
	const time_t seconds = strcmp(getenv("XDP_L2RESP_FULL") ?: "", "1") ? 5 : 60;
	const time_t end = time(NULL) + seconds;
	unsigned long seed = 0;

	/* as many as there is time for, but some */
	while (!seed || time(NULL) < end)
		for (int i = 0; i < 100; i++, seed++)
			run(seed, seed % 2);
	fprintf(stderr, "# %lu histories\n", seed);
}
