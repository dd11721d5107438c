// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "cleanup.h"
#include "holding.h"
#include "stock.h"

/* A Service. */
struct party {
	struct claim *claim;	     /* that the verdict and the holdings are of; NULL: new */
	struct claim *next;	     /* that it was set to; NULL: gone */
	struct address_list written; /* with next */
	struct address_list before;  /* while it is decided: what it had */
	bool steady;		     /* with the same terms of sharing */
	struct address_list lingering;
	struct verdict verdict;
	bool dirty;   /* in the allocator's list of these */
	bool waiting; /* in the tree of these */
	bool set;     /* since the last sweep */
};

struct parties {
	struct party **list;
	size_t count;
	size_t capacity;
};

struct allocator {
	const char *const *classes;
	struct stocks stocks;
	struct holdings holdings;
	void *by_name; /* tsearch(3) trees of the parties */
	void *waiting; /* by the documented order, those that lack an address */
	struct parties dirty;
	struct parties told;
	const struct verdict **verdicts;
	/* those who wait may get something now: an address came free, or may be shared */
	bool opened;
};

/* An address that a party had before it is decided anew. */
struct former {
	struct party *party;
	struct address address;
};

struct formers {
	struct former *list;
	size_t count;
	size_t capacity;
};

static int compare_names(const void *a, const void *b)
{
	const struct claim *left = ((const struct party *)a)->next;
	const struct claim *right = ((const struct party *)b)->next;
	int order = strcmp(left->namespace, right->namespace);

	return order ? order : strcmp(left->name, right->name);
}

static int compare_order(const void *a, const void *b)
{
	return claim_compare(((const struct party *)a)->claim, ((const struct party *)b)->claim);
}

/* For qsort(): a party that is gone has its old claim alone, a new one its next. */
static int compare_dirty(const void *a, const void *b)
{
	const struct party *left = *(struct party *const *)a, *right = *(struct party *const *)b;

	return claim_compare(left->next ?: left->claim, right->next ?: right->claim);
}

static int parties_add(struct parties *parties, struct party *party)
{
	if (parties->count == parties->capacity) {
		size_t capacity = 2 * parties->capacity + 16;
		struct party **list = reallocarray(parties->list, capacity, sizeof(void *));

		if (!list)
			return -ENOMEM;
		parties->list = list;
		parties->capacity = capacity;
	}
	parties->list[parties->count++] = party;
	return 0;
}

static void parties_free(struct parties *parties)
{
	free(parties->list);
	*parties = (struct parties){};
}

struct gathering {
	struct parties parties;
	int result;
};

static void gathering_free(struct gathering *gathering)
{
	parties_free(&gathering->parties);
}

static void party_free(void *at)
{
	struct party *party = at;

	claim_unref(party->claim);
	claim_unref(party->next);
	address_list_free(&party->written);
	address_list_free(&party->before);
	address_list_free(&party->lingering);
	address_list_free(&party->verdict.addresses);
	free(party->verdict.message);
	free(party);
}

struct allocator *allocator_new(const char *const *classes)
{
	struct allocator *allocator = calloc(1, sizeof(*allocator));

	if (allocator)
		allocator->classes = classes;
	return allocator;
}

static void ignore(void *at)
{
	(void)at;
}

void allocator_free(struct allocator *allocator)
{
	if (!allocator)
		return;
	/* those that are gone are in this list alone */
	for (size_t i = 0; i < allocator->dirty.count; i++)
		if (!allocator->dirty.list[i]->next)
			party_free(allocator->dirty.list[i]);
	holdings_free(&allocator->holdings);
	tdestroy(allocator->waiting, ignore);
	tdestroy(allocator->by_name, party_free);
	parties_free(&allocator->dirty);
	parties_free(&allocator->told);
	stocks_free(&allocator->stocks);
	free(allocator->verdicts);
	free(allocator);
}

/* Pools. */

static int mark_dirty(struct allocator *allocator, struct party *party)
{
	if (party->dirty)
		return 0;
	party->dirty = true;
	return parties_add(&allocator->dirty, party);
}

struct marking {
	struct allocator *allocator;
	int result;
};

static void mark_visited(const void *node, VISIT visit, void *data)
{
	struct marking *marking = data;

	if ((visit == postorder || visit == leaf) && !marking->result)
		marking->result = mark_dirty(marking->allocator, *(struct party *const *)node);
}

struct taking {
	struct stocks *stocks;
	int result;
};

/* A holding that was there before the pools changed. */
static void take_visited(const void *node, VISIT visit, void *data)
{
	const struct holding *holding = *(const struct holding *const *)node;
	struct taking *taking = data;

	if ((visit == postorder || visit == leaf) && !taking->result)
		taking->result = stocks_take(taking->stocks, &holding->address);
}

int allocator_set_pools(struct allocator *allocator, struct pool *const *pools, size_t count)
{
	struct marking marking = { .allocator = allocator };
	struct taking taking = { .stocks = &allocator->stocks };
	int r = stocks_set(&allocator->stocks, pools, count);

	if (r < 0)
		return r;
	twalk_r(allocator->holdings.by_address, take_visited, &taking);
	twalk_r(allocator->by_name, mark_visited, &marking);
	allocator->opened = true;
	return taking.result ?: marking.result;
}

bool allocator_pool_status(const struct allocator *allocator, size_t at,
			   struct pool_status *ret_status)
{
	return stocks_status(&allocator->stocks, at, ret_status);
}

/* Services. */

static struct party *find_party(const struct allocator *allocator, const struct claim *named)
{
	const struct party wanted = { .next = (struct claim *)named };
	struct party **found = tfind(&wanted, &allocator->by_name, compare_names);

	return found ? *found : NULL;
}

int allocator_set_service(struct allocator *allocator, struct claim *claim,
			  const struct address_list *written)
{
	struct party *party = find_party(allocator, claim);

	if (!party) {
		party = calloc(1, sizeof(*party));
		if (!party)
			return -ENOMEM;
		party->next = claim_ref(claim);
		if (!tsearch(party, &allocator->by_name, compare_names)) {
			party_free(party);
			return -ENOMEM;
		}
	} else {
		claim_ref(claim);
		claim_unref(party->next);
		party->next = claim;
	}
	address_list_free(&party->written);
	for (size_t i = 0; i < written->count; i++)
		if (!address_list_has(&party->written, &written->list[i]) &&
		    address_list_add(&party->written, &written->list[i]) < 0)
			return -ENOMEM;
	party->set = true;
	return mark_dirty(allocator, party);
}

static int remove_party(struct allocator *allocator, struct party *party)
{
	tdelete(party, &allocator->by_name, compare_names);
	if (!party->claim)
		party->claim = claim_ref(party->next);
	claim_unref(party->next);
	party->next = NULL;
	return mark_dirty(allocator, party);
}

int allocator_remove_service(struct allocator *allocator, const char *namespace, const char *name)
{
	const struct claim named = { .namespace = (char *)namespace, .name = (char *)name };
	struct party *party = find_party(allocator, &named);

	return party ? remove_party(allocator, party) : 0;
}

static void sweep_visited(const void *node, VISIT visit, void *data)
{
	struct party *party = *(struct party *const *)node;
	struct gathering *gathering = data;

	if (visit != postorder && visit != leaf)
		return;
	if (!party->set && !gathering->result)
		gathering->result = parties_add(&gathering->parties, party);
	party->set = false;
}

int allocator_sweep(struct allocator *allocator)
{
	_cleanup_(gathering_free) struct gathering gone = {};

	twalk_r(allocator->by_name, sweep_visited, &gone);
	for (size_t i = 0; i < gone.parties.count && !gone.result; i++)
		gone.result = remove_party(allocator, gone.parties.list[i]);
	return gone.result;
}

const struct verdict *allocator_verdict(const struct allocator *allocator,
					const struct claim *claim)
{
	const struct party *party = find_party(allocator, claim);

	return party && party->claim ? &party->verdict : NULL;
}

bool allocator_ours(const struct allocator *allocator, const struct claim *claim)
{
	if (!claim->load_balancer || !claim->class)
		return claim->load_balancer;
	for (size_t i = 0; allocator->classes[i]; i++)
		if (!strcmp(allocator->classes[i], claim->class))
			return true;
	return false;
}

static int join(struct allocator *allocator, struct party *party, const struct address *address,
		bool lingering)
{
	int r = holdings_join(&allocator->holdings, address, party->claim, lingering);

	if (r > 0)
		r = stocks_take(&allocator->stocks, address);
	if (!r)
		r = address_list_add(lingering ? &party->lingering : &party->verdict.addresses,
				     address);
	return r;
}

static int formers_add(struct formers *formers, struct party *party,
		       const struct address_list *addresses)
{
	for (size_t i = 0; i < addresses->count; i++) {
		if (formers->count == formers->capacity) {
			size_t capacity = 2 * formers->capacity + 16;
			struct former *list = reallocarray(formers->list, capacity, sizeof(*list));

			if (!list)
				return -ENOMEM;
			formers->list = list;
			formers->capacity = capacity;
		}
		formers->list[formers->count++] = (struct former){ party, addresses->list[i] };
	}
	return 0;
}

static void formers_free(struct formers *formers)
{
	free(formers->list);
}

/* Takes @party out of everything, and remembers what it had if it isn't gone. */
static int withdraw(struct allocator *allocator, struct party *party, struct formers *formers)
{
	const struct address_list *lists[] = { &party->verdict.addresses, &party->lingering };
	int r = 0;

	if (party->waiting)
		tdelete(party, &allocator->waiting, compare_order);
	party->waiting = false;
	for (size_t i = 0; i < 2 && !r; i++) {
		if (party->next)
			r = formers_add(formers, party, lists[i]);
		else
			allocator->opened |= lists[i]->count;
		for (size_t j = 0; j < lists[i]->count && !r; j++)
			if (holdings_leave(&allocator->holdings, &lists[i]->list[j], party->claim))
				r = stocks_give_back(&allocator->stocks, &lists[i]->list[j]);
	}
	/* who waits may come to share what it keeps */
	allocator->opened |= party->claim && party->next && party->next->sharing_key;
	return r;
}

/* Has it one of that family, which will do where none is requested? */
static bool has_family(const struct address_list *addresses, bool v4)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (address_is_v4(&addresses->list[i]) == v4)
			return true;
	return false;
}

/* May @party keep @address, which it has or is written for it? Pools that are disabled or in
 * conflict only give nothing new. */
static bool may_keep(const struct allocator *allocator, const struct party *party,
		     const struct address *address)
{
	const struct claim *claim = party->claim;
	const struct holding *holding = holdings_find(&allocator->holdings, address);
	bool v4 = address_is_v4(address);

	if (claim->requested.count
		    ? !address_list_has(&claim->requested, address)
		    : !(v4 ? claim->v4 : claim->v6) || has_family(&party->verdict.addresses, v4))
		return false;
	if (holding && holding_refuses(holding, claim, false))
		return false;
	return stocks_select(&allocator->stocks, claim, address);
}

static int compare_addresses(const void *a, const void *b)
{
	return address_compare(a, b);
}

/* Keeps what may be kept of @had, which it sorts: those that are requested, in the order of the
 * request; else of each family the lowest. */
static int keep(struct allocator *allocator, struct party *party, struct address_list *had)
{
	const struct address_list *requested = &party->claim->requested;
	const struct address_list *candidates = requested->count ? requested : had;
	int r = 0;

	if (!party->verdict.ours || !had->count)
		return 0;
	qsort(had->list, had->count, sizeof(*had->list), compare_addresses);
	for (size_t i = 0; i < candidates->count && !r; i++) {
		const struct address *address = &candidates->list[i];

		if (address_list_has(had, address) &&
		    !address_list_has(&party->verdict.addresses, address) &&
		    may_keep(allocator, party, address))
			r = join(allocator, party, address, false);
	}
	return r;
}

static bool same_addresses(const struct address_list *a, const struct address_list *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (!address_list_has(b, &a->list[i]))
			return false;
	return a->count == b->count;
}

/* Goes over to the claim that @party was set to, for now without any address. */
static void renew(struct allocator *allocator, struct party *party)
{
	bool was_ours = party->verdict.ours;

	party->steady = party->claim && claim_same_terms(party->claim, party->next);
	claim_unref(party->claim);
	party->claim = claim_ref(party->next);
	party->verdict.claim = party->claim;
	party->verdict.ours =
		allocator_ours(allocator, party->claim) && (allocator->stocks.count || was_ours);
	party->verdict.changed = party->verdict.ours != was_ours;
	party->before = party->verdict.addresses;
	party->verdict.addresses = (struct address_list){};
	address_list_free(&party->lingering);
}

/*
 * What the dirty parties may keep of what they had and of what is written for them. Where a change
 * makes it impossible to share an address, whoever changed loses it; then the later one in order.
 */
static int keep_all(struct allocator *allocator)
{
	const struct parties *dirty = &allocator->dirty;
	int r = 0;

	for (int steady = 1; steady >= 0; steady--)
		for (size_t i = 0; i < dirty->count && !r; i++)
			if (dirty->list[i]->steady == steady)
				r = keep(allocator, dirty->list[i], &dirty->list[i]->before);
	for (size_t i = 0; i < dirty->count && !r; i++) {
		r = keep(allocator, dirty->list[i], &dirty->list[i]->written);
		dirty->list[i]->verdict.changed |= !same_addresses(
			&dirty->list[i]->before, &dirty->list[i]->verdict.addresses);
		address_list_free(&dirty->list[i]->before);
	}
	return r;
}

/* What is written for @party and isn't its own any more must not be given to others yet. */
static int linger(struct allocator *allocator, struct party *party)
{
	for (size_t i = 0; i < party->written.count; i++) {
		const struct address *address = &party->written.list[i];
		int r = address_list_has(&party->verdict.addresses, address)
				? 0
				: join(allocator, party, address, true);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Why an address isn't given: the last reason found is told, as by Cilium. */
struct trouble {
	const char *reason; /* NULL: none */
	struct err message;
};

#define set_trouble(trouble, reason_, ...)                   \
	({                                                   \
		(trouble)->reason = (reason_);               \
		err_write(&(trouble)->message, __VA_ARGS__); \
		0;                                           \
	})

/* Sets the condition; 1 if it is another than before. */
static int set_condition(struct verdict *verdict, const struct trouble *trouble)
{
	const char *reason = trouble->reason ?: "satisfied";
	char *message = strdup(trouble->reason ? trouble->message.text : "");
	int r;

	if (!message)
		return -ENOMEM;
	r = !verdict->message || strcmp(verdict->reason, reason) != 0 ||
	    strcmp(verdict->message, message) != 0;
	free(verdict->message);
	verdict->satisfied = !trouble->reason;
	verdict->reason = reason;
	verdict->message = message;
	return r;
}

/* Gives @address, which was requested. Returns 1 if so, 0 with *trouble, -ENOMEM. */
static int give_requested(struct allocator *allocator, struct party *party,
			  const struct address *address, struct trouble *trouble)
{
	const struct claim *claim = party->claim;
	const struct holding *holding = holdings_find(&allocator->holdings, address);
	const char *why = holding ? holding_refuses(holding, claim, true) : NULL;
	enum offer offered = stocks_offer(&allocator->stocks, claim, address);
	char text[INET6_ADDRSTRLEN];

	address_format(address, text);
	if (offered == OFFER_NONE)
		return set_trouble(trouble, "no_pool", "No pool exists with a CIDR containing '%s'",
				   text);
	if (offered == OFFER_MISMATCH)
		return set_trouble(trouble, "pool_selector_mismatch",
				   "The pool with the CIDR containing '%s', doesn't select this "
				   "service",
				   text);
	if (offered == OFFER_RESERVED)
		return set_trouble(trouble, "already_allocated",
				   "The IP '%s' is reserved, as the first or the last of its CIDR",
				   text);
	if (why && claim->sharing_key)
		return set_trouble(trouble, "already_allocated_incompatible_service",
				   "The IP '%s' is already allocated to an incompatible service. "
				   "Reason: %s",
				   text, why);
	if (why)
		return set_trouble(trouble, "already_allocated",
				   "The IP '%s' is already allocated to another service", text);
	return join(allocator, party, address, false) ?: 1;
}

/* The lowest address that @claim may share. */
static bool find_shared(const struct allocator *allocator, const struct claim *claim, bool v4,
			struct address *ret_address)
{
	const struct address_list *shared =
		claim->sharing_key ? holdings_of_key(&allocator->holdings, claim->sharing_key)
				   : NULL;

	for (size_t i = 0; shared && i < shared->count; i++) {
		const struct address *address = &shared->list[i];

		if (address_is_v4(address) != v4 ||
		    stocks_offer(&allocator->stocks, claim, address) != OFFER_GOOD ||
		    holding_refuses(holdings_find(&allocator->holdings, address), claim, true))
			continue;
		*ret_address = *address;
		return true;
	}
	return false;
}

/* The same for any address of a family. */
static int give_any(struct allocator *allocator, struct party *party, bool v4,
		    struct trouble *trouble)
{
	struct address address;
	bool full = false;

	if (find_shared(allocator, party->claim, v4, &address) ||
	    stocks_find_free(&allocator->stocks, party->claim, v4, &address, &full))
		return join(allocator, party, &address, false) ?: 1;
	if (full)
		return set_trouble(trouble, "out_of_ips",
				   "All enabled CiliumLoadBalancerIPPools that match this service "
				   "ran out of allocatable IPs");
	return set_trouble(
		trouble, "no_pool",
		"There are no enabled CiliumLoadBalancerIPPools that match this service");
}

/* Gives @party what it lacks, as far as it can be had. 1 if its verdict is another. */
static int satisfy(struct allocator *allocator, struct party *party)
{
	const struct address_list *has = &party->verdict.addresses;
	const struct address_list *requested = &party->claim->requested;
	const bool wanted[] = { party->claim->v6, party->claim->v4 };
	struct trouble trouble = {};
	int changed = 0, r = 0;

	for (size_t i = 0; i < requested->count && r >= 0; i++, changed |= r > 0)
		if (!address_list_has(has, &requested->list[i]))
			r = give_requested(allocator, party, &requested->list[i], &trouble);
	for (int v4 = 1; v4 >= 0 && !requested->count && r >= 0; v4--, changed |= r > 0)
		if (wanted[v4] && !has_family(has, v4))
			r = give_any(allocator, party, v4, &trouble);
	if (r < 0)
		return r;
	r = set_condition(&party->verdict, &trouble);
	if (r < 0)
		return r;
	if (trouble.reason && !party->waiting &&
	    !tsearch(party, &allocator->waiting, compare_order))
		return -ENOMEM;
	if (!trouble.reason && party->waiting)
		tdelete(party, &allocator->waiting, compare_order);
	party->waiting = trouble.reason;
	party->verdict.changed |= changed || r;
	return party->verdict.changed;
}

static void gather_visited(const void *node, VISIT visit, void *data)
{
	struct gathering *gathering = data;

	if ((visit == postorder || visit == leaf) && !gathering->result)
		gathering->result = parties_add(&gathering->parties, *(struct party *const *)node);
}

/* Decides for all of @parties, in the documented order: those that ask for certain addresses come
 * before those that take any. */
static int satisfy_all(struct allocator *allocator, const struct parties *parties)
{
	for (int any = 0; any < 2; any++)
		for (size_t i = 0; i < parties->count; i++) {
			struct party *party = parties->list[i];
			int r;

			if (!party->verdict.ours || (party->claim->requested.count == 0) != any)
				continue;
			party->verdict.changed &= party->dirty;
			r = satisfy(allocator, party);
			if (r > 0 && !party->dirty)
				r = parties_add(&allocator->told, party);
			if (r < 0)
				return r;
		}
	return 0;
}

/* An address that somebody had before and hasn't now may be somebody else's. */
static bool came_free(const struct formers *formers)
{
	for (size_t i = 0; i < formers->count; i++) {
		const struct party *party = formers->list[i].party;
		const struct address *address = &formers->list[i].address;

		if (!address_list_has(&party->verdict.addresses, address) &&
		    !address_list_has(&party->lingering, address))
			return true;
	}
	return false;
}

/* Drops the parties that are gone from the list of dirty ones. */
static void drop_gone(struct parties *dirty)
{
	size_t kept = 0;

	for (size_t i = 0; i < dirty->count; i++)
		if (dirty->list[i]->next)
			dirty->list[kept++] = dirty->list[i];
		else
			party_free(dirty->list[i]);
	dirty->count = kept;
}

/* What has to be decided: those that were set, and where there may be something for them, all that
 * wait; in order. */
static int decide(struct allocator *allocator)
{
	_cleanup_(formers_free) struct formers formers = {};
	_cleanup_(gathering_free) struct gathering waiting = {};
	struct parties *dirty = &allocator->dirty;
	int r = 0;

	if (dirty->count)
		qsort(dirty->list, dirty->count, sizeof(void *), compare_dirty);
	for (size_t i = 0; i < dirty->count && !r; i++)
		r = withdraw(allocator, dirty->list[i], &formers);
	if (r < 0)
		return r;
	drop_gone(dirty);
	for (size_t i = 0; i < dirty->count; i++)
		renew(allocator, dirty->list[i]);
	r = keep_all(allocator);
	for (size_t i = 0; i < dirty->count && !r; i++)
		r = linger(allocator, dirty->list[i]);
	if (r < 0)
		return r;
	allocator->opened |= came_free(&formers);
	if (!allocator->opened)
		return satisfy_all(allocator, dirty);
	for (size_t i = 0; i < dirty->count; i++) {
		struct party *party = dirty->list[i];

		if (party->verdict.ours && !tsearch(party, &allocator->waiting, compare_order))
			return -ENOMEM;
		party->waiting = party->verdict.ours;
	}
	twalk_r(allocator->waiting, gather_visited, &waiting);
	allocator->opened = false;
	return waiting.result ?: satisfy_all(allocator, &waiting.parties);
}

/* Reports @party's verdict; it may be written from now on. */
static int tell(struct allocator *allocator, struct party *party, size_t *count)
{
	const struct address_list *addresses = &party->verdict.addresses;

	party->dirty = false;
	allocator->verdicts[(*count)++] = &party->verdict;
	for (size_t i = 0; i < addresses->count; i++)
		if (!address_list_has(&party->written, &addresses->list[i]) &&
		    address_list_add(&party->written, &addresses->list[i]) < 0)
			return -ENOMEM;
	return 0;
}

int allocator_settle(struct allocator *allocator, const struct verdict *const **ret_verdicts,
		     size_t *ret_count)
{
	struct parties *dirty = &allocator->dirty, *told = &allocator->told;
	const struct verdict **verdicts;
	size_t count = 0;
	int r;

	told->count = 0;
	r = decide(allocator);
	if (r < 0)
		return r;
	verdicts =
		reallocarray(allocator->verdicts, dirty->count + told->count + 1, sizeof(void *));
	if (!verdicts)
		return -ENOMEM;
	allocator->verdicts = verdicts;
	for (size_t i = 0; i < dirty->count && !r; i++)
		r = tell(allocator, dirty->list[i], &count);
	for (size_t i = 0; i < told->count && !r; i++)
		r = tell(allocator, told->list[i], &count);
	dirty->count = 0;
	*ret_verdicts = verdicts;
	*ret_count = count;
	return r;
}
