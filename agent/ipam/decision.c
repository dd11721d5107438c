// SPDX-License-Identifier: GPL-2.0-or-later
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "decision.h"

static int compare_age(const void *a, const void *b)
{
	return service_compare_age(((const struct allocator_service *)a)->service,
				   ((const struct allocator_service *)b)->service);
}

/* A removed state has only its old Service, a new one only its next. */
static int compare_dirty(const void *a, const void *b)
{
	const struct allocator_service *left = a, *right = b;
	int order = service_compare_age(left->next ?: left->service, right->next ?: right->service);

	/* removed, and created again within a second: what is removed has no place in the order */
	return order ? order : left < right ? -1 : left > right;
}

static void join(struct allocator *allocator, struct allocator_service *state,
		 const struct address *address, bool lingering)
{
	if (holdings_join(&allocator->holdings, address, state->service, lingering))
		stocks_mark_used(&allocator->stocks, address);
	address_list_add(lingering ? &state->lingering : &state->verdict.addresses, address);
}

/* Removes @state's holdings, and records them in before unless the Service was removed. */
static void withdraw(struct allocator *allocator, struct allocator_service *state)
{
	struct decision *decision = &allocator->decision;
	const struct address_list *lists[] = { &state->verdict.addresses, &state->lingering };

	if (state->waiting)
		tdelete(state, &allocator->waiting, compare_age);
	state->waiting = false;
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < lists[i]->count; j++) {
			const struct address *address = &lists[i]->list[j];

			if (state->next) {
				ALLOC_GROW(decision->formers, decision->former_count,
					   decision->former_capacity);
				decision->formers[decision->former_count++] =
					(struct former){ state, *address };
			}
			if (holdings_leave(&allocator->holdings, address, state->service))
				stocks_mark_free(&allocator->stocks, address);
		}
		allocator->opened |= !state->next && lists[i]->count;
	}
	/* waiting Services may share an address that it keeps */
	allocator->opened |= state->service && state->next && state->next->sharing_key;
}

/* Is an address of that family among @addresses? */
static bool has_family(const struct address_list *addresses, bool v4)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (address_is_v4(&addresses->list[i]) == v4)
			return true;
	return false;
}

/* May @state keep @address, which it has or which is written for it? Also from pools that are
 * disabled or in conflict: these only assign no new addresses. */
static bool may_keep(const struct allocator *allocator, const struct allocator_service *state,
		     const struct address *address)
{
	const struct service *service = state->service;
	const struct holding *holding = holdings_find(&allocator->holdings, address);
	bool v4 = address_is_v4(address);

	if (service->requested.count ? !address_list_has(&service->requested, address)
				     : !(v4 ? service->v4 : service->v6) ||
					       has_family(&state->verdict.addresses, v4))
		return false;
	if (holding && holding_refuses(holding, service, false))
		return false;
	return stocks_select(&allocator->stocks, service, address);
}

/* Keeps addresses of @had, which it sorts: the requested ones, in the order of the request, or,
 * without a request, the lowest of each family. */
static void keep(struct allocator *allocator, struct allocator_service *state,
		 struct address_list *had)
{
	const struct address_list *requested = &state->service->requested;
	const struct address_list *candidates = requested->count ? requested : had;

	if (!state->verdict.ours || !had->count)
		return;
	address_list_sort(had);
	for (size_t i = 0; i < candidates->count; i++) {
		const struct address *address = &candidates->list[i];

		if (address_list_find(had, address) &&
		    !address_list_has(&state->verdict.addresses, address) &&
		    may_keep(allocator, state, address))
			join(allocator, state, address, false);
	}
}

/* Replaces @state's Service by the one set last, without any address for now. */
static void replace_service(struct allocator *allocator, struct allocator_service *state)
{
	bool was_ours = state->verdict.ours;

	state->steady = state->service && service_same_sharing(state->service, state->next);
	service_unref(state->service);
	state->service = service_ref(state->next);
	state->verdict.service = state->service;
	state->verdict.ours = state->service->wants_load_balancer &&
			      service_is_of(state->service, allocator->class) &&
			      (allocator->stocks.count || was_ours);
	state->verdict.changed = state->verdict.ours != was_ours;
	state->before = state->verdict.addresses;
	state->verdict.addresses = (struct address_list){};
	address_list_free(&state->lingering);
}

/*
 * The dirty states keep addresses that they had, then those that are written for them. If a change
 * makes it impossible to share an address, the changed Service loses it, otherwise the younger one.
 */
static void keep_steady(struct allocator *allocator, struct allocator_service *state)
{
	if (state->steady)
		keep(allocator, state, &state->before);
}

static void keep_changed(struct allocator *allocator, struct allocator_service *state)
{
	if (!state->steady)
		keep(allocator, state, &state->before);
}

static void keep_written(struct allocator *allocator, struct allocator_service *state)
{
	keep(allocator, state, &state->written);
	state->verdict.changed |= !address_list_equal(&state->before, &state->verdict.addresses);
	address_list_free(&state->before);
}

/* Addresses written for @state that it no longer has must not be assigned to others yet. */
static void linger(struct allocator *allocator, struct allocator_service *state)
{
	for (size_t i = 0; i < state->written.count; i++) {
		const struct address *address = &state->written.list[i];

		if (!address_list_has(&state->verdict.addresses, address))
			join(allocator, state, address, true);
	}
}

/* Why an address isn't assigned: the last reason found is reported, as by Cilium. */
struct trouble {
	const char *reason; /* NULL: none */
	struct err message;
};

#define set_trouble(trouble, reason_, ...)                   \
	({                                                   \
		(trouble)->reason = (reason_);               \
		err_write(&(trouble)->message, __VA_ARGS__); \
		false;                                       \
	})

/* Sets the condition; returns whether it has changed. */
static bool set_condition(struct verdict *verdict, const struct trouble *trouble)
{
	const char *reason = trouble->reason ?: "satisfied";
	const char *message = trouble->reason ? trouble->message.text : "";
	bool changed = !verdict->message || strcmp(verdict->reason, reason) != 0 ||
		       strcmp(verdict->message, message) != 0;

	free(verdict->message);
	verdict->message = xstrdup(message);
	verdict->satisfied = !trouble->reason;
	verdict->reason = reason;
	return changed;
}

/* Reports that no pool in use serves the Service, in Cilium's words, and adds a pool that would if
 * it were in use. */
static void set_no_pool(const struct allocator *allocator, const struct service *service,
			const struct address *address, bool v4, struct trouble *trouble)
{
	char text[INET6_ADDRSTRLEN];
	const char *why, *unused = stocks_unused(&allocator->stocks, service, address, v4, &why);
	const struct pool *other =
		address ? NULL : stocks_not_selecting(&allocator->stocks, service, v4);

	if (address)
		set_trouble(trouble, "no_pool", "No pool exists with a CIDR containing '%s'",
			    address_format(address, text));
	else
		set_trouble(
			trouble, "no_pool",
			"There are no enabled CiliumLoadBalancerIPPools that match this service");
	if (unused) {
		err_add(&trouble->message, " (pool '%s' would, but is %s)", unused, why);
	} else if (other) {
		_cleanup_free_ char *selected = selector_describe(&other->services);

		err_add(&trouble->message, " (pool '%s' selects %s)", other->name, selected);
	}
}

/* Assigns the requested @address. Returns false, with *@trouble, if that isn't possible. */
static bool assign_requested(struct allocator *allocator, struct allocator_service *state,
			     const struct address *address, struct trouble *trouble)
{
	const struct service *service = state->service;
	const struct holding *holding = holdings_find(&allocator->holdings, address);
	const char *why = holding ? holding_refuses(holding, service, true) : NULL;
	enum offer offered = stocks_offer(&allocator->stocks, service, address);
	char text[INET6_ADDRSTRLEN];

	address_format(address, text);
	if (offered == OFFER_NONE) {
		set_no_pool(allocator, service, address, false, trouble);
		return false;
	}
	if (offered == OFFER_MISMATCH)
		return set_trouble(trouble, "pool_selector_mismatch",
				   "The pool with the CIDR containing '%s', doesn't select this "
				   "service",
				   text);
	if (offered == OFFER_RESERVED)
		return set_trouble(trouble, "already_allocated",
				   "The IP '%s' is reserved, as the first or the last of its CIDR",
				   text);
	if (offered == OFFER_NODE)
		return set_trouble(trouble, "already_allocated",
				   "The IP '%s' is a node's own address", text);
	if (why && service->sharing_key)
		return set_trouble(trouble, "already_allocated_incompatible_service",
				   "The IP '%s' is already allocated to an incompatible service. "
				   "Reason: %s",
				   text, why);
	if (why)
		return set_trouble(trouble, "already_allocated",
				   "The IP '%s' is already allocated to another service", text);
	join(allocator, state, address, false);
	return true;
}

/* Tenants decide how many addresses a key has, and how long a comparison takes. */
#define SHARED_TRIES 100

/* The lowest address that @service may share, if it is one of the first ones of its key. */
static bool find_shared(const struct allocator *allocator, const struct service *service, bool v4,
			struct address *ret_address)
{
	const struct address_list *shared = holdings_to_share(&allocator->holdings, service);

	for (size_t i = 0, tries = 0; shared && i < shared->count; i++) {
		const struct address *address = &shared->list[i];

		if (address_is_v4(address) != v4)
			continue;
		if (tries++ == SHARED_TRIES)
			break;
		if (stocks_offer(&allocator->stocks, service, address) != OFFER_GOOD ||
		    holding_refuses(holdings_find(&allocator->holdings, address), service, true))
			continue;
		*ret_address = *address;
		return true;
	}
	return false;
}

/* Assigns any address of a family. Returns false, with *@trouble, if that isn't possible. */
static bool assign_any(struct allocator *allocator, struct allocator_service *state, bool v4,
		       struct trouble *trouble)
{
	const struct pool *full = NULL;
	struct address address;

	if (find_shared(allocator, state->service, v4, &address) ||
	    stocks_find_free(&allocator->stocks, state->service, v4, &address, &full)) {
		join(allocator, state, &address, false);
		return true;
	}
	if (full)
		return set_trouble(trouble, "out_of_ips",
				   "All enabled CiliumLoadBalancerIPPools that match this service "
				   "ran out of allocatable IPs (pool '%s' is full)",
				   full->name);
	set_no_pool(allocator, state->service, NULL, v4, trouble);
	return false;
}

/* Assigns @state the addresses that it lacks, as far as possible. Returns whether its verdict has
 * changed. */
static bool satisfy(struct allocator *allocator, struct allocator_service *state)
{
	const struct address_list *has = &state->verdict.addresses;
	const struct address_list *requested = &state->service->requested;
	const bool wanted[] = { state->service->v6, state->service->v4 };
	struct trouble trouble = {};
	bool changed = false;

	for (size_t i = 0; i < requested->count; i++)
		if (!address_list_has(has, &requested->list[i]))
			changed |=
				assign_requested(allocator, state, &requested->list[i], &trouble);
	for (int v4 = 1; v4 >= 0 && !requested->count; v4--)
		if (wanted[v4] && !has_family(has, v4))
			changed |= assign_any(allocator, state, v4, &trouble);
	changed |= set_condition(&state->verdict, &trouble);
	if (trouble.reason && !state->waiting && !tsearch(state, &allocator->waiting, compare_age))
		alloc_fail();
	if (!trouble.reason && state->waiting)
		tdelete(state, &allocator->waiting, compare_age);
	state->waiting = trouble.reason;
	state->verdict.changed |= changed;
	return state->verdict.changed;
}

static void satisfy_if(struct allocator *allocator, struct allocator_service *state, bool requests)
{
	if (!state->verdict.ours || (state->service->requested.count > 0) != requests)
		return;
	state->verdict.changed &= state->dirty;
	if (satisfy(allocator, state) && !state->dirty)
		allocator_services_add(&allocator->others, state);
}

static void satisfy_requests(struct allocator *allocator, struct allocator_service *state)
{
	satisfy_if(allocator, state, true);
}

static void satisfy_others(struct allocator *allocator, struct allocator_service *state)
{
	satisfy_if(allocator, state, false);
}

/* Has an address been freed, so that waiting Services may get it? */
static void find_freed(struct allocator *allocator)
{
	const struct decision *decision = &allocator->decision;

	for (size_t i = 0; i < decision->former_count && !allocator->opened; i++) {
		const struct allocator_service *state = decision->formers[i].state;
		const struct address *address = &decision->formers[i].address;

		allocator->opened = !address_list_has(&state->verdict.addresses, address) &&
				    !address_list_has(&state->lingering, address);
	}
}

/* Drops the removed states from the list of dirty ones. */
static void drop_gone(struct allocator *allocator)
{
	struct allocator_services *dirty = &allocator->dirty;
	size_t kept = 0;

	for (size_t i = 0; i < dirty->count; i++)
		if (dirty->list[i]->next)
			dirty->list[kept++] = dirty->list[i];
		else
			allocator_service_free(dirty->list[i]);
	dirty->count = kept;
}

static void visit_state(const void *node, VISIT visit, void *states)
{
	if (visit == postorder || visit == leaf)
		allocator_services_add(states, *(struct allocator_service *const *)node);
}

static void ignore(void *at)
{
}

/* qsort() would take too long for one step. */
static void sort_in(struct allocator *allocator, struct allocator_service *state)
{
	if (!tsearch(state, &allocator->decision.by_age, compare_dirty))
		alloc_fail();
}

static void use_order(struct allocator *allocator)
{
	allocator->dirty.count = 0;
	twalk_r(allocator->decision.by_age, visit_state, &allocator->dirty);
	tdestroy(allocator->decision.by_age, ignore);
	allocator->decision.by_age = NULL;
}

static void let_wait(struct allocator *allocator, struct allocator_service *state)
{
	struct decision *decision = &allocator->decision;

	if (!allocator->opened) {
		allocator_services_add(&decision->lacking, state);
		return;
	}
	if (state->verdict.ours && !tsearch(state, &allocator->waiting, compare_age))
		alloc_fail();
	state->waiting = state->verdict.ours;
}

static void find_lacking(struct allocator *allocator)
{
	if (allocator->opened)
		twalk_r(allocator->waiting, visit_state, &allocator->decision.lacking);
	allocator->opened = false;
}

/* What is done with each dirty state, or with each that may lack an address, by age; and after
 * all of them. */
static const struct {
	void (*with)(struct allocator *allocator, struct allocator_service *state);
	void (*after)(struct allocator *allocator);
	bool lacking;
} phases[] = {
	{ .with = sort_in, .after = use_order },
	{ .with = withdraw, .after = drop_gone },
	{ .with = replace_service },
	{ .with = keep_steady },
	{ .with = keep_changed },
	{ .with = keep_written },
	{ .with = linger, .after = find_freed },
	{ .with = let_wait, .after = find_lacking },
	/* who requests certain addresses comes before those that accept any */
	{ .with = satisfy_requests, .lacking = true },
	{ .with = satisfy_others, .lacking = true },
};
#define PHASES (sizeof(phases) / sizeof(phases[0]))

bool decide(struct allocator *allocator, size_t steps)
{
	struct decision *decision = &allocator->decision;

	for (; decision->phase < PHASES; decision->phase++, decision->at = 0) {
		const struct allocator_services *states =
			phases[decision->phase].lacking ? &decision->lacking : &allocator->dirty;

		while (decision->at < states->count) {
			if (!steps--)
				return false;
			phases[decision->phase].with(allocator, states->list[decision->at++]);
		}
		if (phases[decision->phase].after)
			phases[decision->phase].after(allocator);
	}
	return true;
}

bool decision_under_way(const struct allocator *allocator)
{
	return allocator->decision.phase || allocator->decision.at;
}

void decision_free(struct decision *decision)
{
	tdestroy(decision->by_age, ignore);
	free(decision->formers);
	allocator_services_free(&decision->lacking);
	*decision = (struct decision){};
}
