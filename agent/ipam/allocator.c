// SPDX-License-Identifier: GPL-2.0-or-later
#include <search.h>
#include <stdlib.h>

#include "allocator.h"
#include "allocator_state.h"
#include "cleanup.h"
#include "decision.h"

static int compare_names(const void *a, const void *b)
{
	return service_compare_names(((const struct allocator_service *)a)->next,
				     ((const struct allocator_service *)b)->next);
}

void allocator_service_free(void *at)
{
	struct allocator_service *state = at;

	service_unref(state->service);
	service_unref(state->next);
	address_list_free(&state->written);
	address_list_free(&state->before);
	address_list_free(&state->lingering);
	address_list_free(&state->verdict.addresses);
	free(state->verdict.message);
	free(state);
}

struct allocator *allocator_new(const struct service_class *class)
{
	struct allocator *allocator = xcalloc(1, sizeof(*allocator));

	allocator->class = class;
	return allocator;
}

static void ignore(void *at)
{
}

static void shown_free(struct allocator *allocator)
{
	for (size_t i = 0; i < allocator->shown_count; i++) {
		pool_unref((struct pool *)allocator->shown[i].pool);
		free((char *)allocator->shown[i].message);
	}
	free(allocator->shown);
	allocator->shown = NULL;
	allocator->shown_count = 0;
}

void allocator_free(struct allocator *allocator)
{
	if (!allocator)
		return;
	/* states of removed Services are only in this list */
	for (size_t i = 0; i < allocator->dirty.count; i++)
		if (!allocator->dirty.list[i]->next)
			allocator_service_free(allocator->dirty.list[i]);
	decision_free(&allocator->decision);
	shown_free(allocator);
	holdings_free(&allocator->holdings);
	tdestroy(allocator->waiting, ignore);
	tdestroy(allocator->by_name, allocator_service_free);
	allocator_services_free(&allocator->dirty);
	allocator_services_free(&allocator->others);
	stocks_free(&allocator->stocks);
	free(allocator->verdicts);
	free(allocator);
}

static void mark_dirty(struct allocator *allocator, struct allocator_service *state)
{
	if (!state->dirty)
		allocator_services_add(&allocator->dirty, state);
	state->dirty = true;
}

static void visit_dirty(const void *node, VISIT visit, void *allocator)
{
	if (visit == postorder || visit == leaf)
		mark_dirty(allocator, *(struct allocator_service *const *)node);
}

/* Counts a holding from before the pools changed. */
static void visit_used(const void *node, VISIT visit, void *stocks)
{
	const struct holding *holding = *(const struct holding *const *)node;

	if (visit == postorder || visit == leaf)
		stocks_mark_used(stocks, &holding->address);
}

void allocator_set_pools(struct allocator *allocator, struct pool *const *pools, size_t count)
{
	stocks_set(&allocator->stocks, pools, count);
	twalk_r(allocator->holdings.by_address, visit_used, &allocator->stocks);
	twalk_r(allocator->by_name, visit_dirty, allocator);
	allocator->opened = true;
}

void allocator_set_reserved(struct allocator *allocator, const struct address_list *reserved)
{
	if (address_list_same(&allocator->stocks.reserved, reserved))
		return;
	stocks_set_reserved(&allocator->stocks, reserved);
	twalk_r(allocator->holdings.by_address, visit_used, &allocator->stocks);
	allocator->opened = true;
}

bool allocator_pool_status(const struct allocator *allocator, size_t at,
			   struct pool_status *ret_status)
{
	if (at >= allocator->shown_count)
		return false;
	*ret_status = allocator->shown[at];
	return true;
}

static struct allocator_service *find_state(const struct allocator *allocator,
					    const struct service *named)
{
	const struct allocator_service key = { .next = (struct service *)named };
	struct allocator_service **found = tfind(&key, &allocator->by_name, compare_names);

	return found ? *found : NULL;
}

void allocator_set_service(struct allocator *allocator, struct service *service,
			   const struct address_list *written)
{
	struct allocator_service *state = find_state(allocator, service);

	service_ref(service);
	if (state) {
		service_unref(state->next);
		state->next = service;
	} else {
		state = xcalloc(1, sizeof(*state));
		state->next = service;
		if (!tsearch(state, &allocator->by_name, compare_names))
			alloc_fail();
	}
	address_list_free(&state->written);
	for (size_t i = 0; i < written->count; i++)
		address_list_include(&state->written, &written->list[i]);
	state->set = true;
	mark_dirty(allocator, state);
}

static void remove_state(struct allocator *allocator, struct allocator_service *state)
{
	tdelete(state, &allocator->by_name, compare_names);
	if (!state->service)
		state->service = service_ref(state->next);
	service_unref(state->next);
	state->next = NULL;
	mark_dirty(allocator, state);
}

void allocator_remove_service(struct allocator *allocator, const struct service *service)
{
	struct allocator_service *state = find_state(allocator, service);

	if (state)
		remove_state(allocator, state);
}

static void visit_unset(const void *node, VISIT visit, void *gone)
{
	struct allocator_service *state = *(struct allocator_service *const *)node;

	if (visit != postorder && visit != leaf)
		return;
	if (!state->set)
		allocator_services_add(gone, state);
	state->set = false;
}

void allocator_sweep(struct allocator *allocator)
{
	_cleanup_(allocator_services_free) struct allocator_services gone = {};

	twalk_r(allocator->by_name, visit_unset, &gone);
	for (size_t i = 0; i < gone.count; i++)
		remove_state(allocator, gone.list[i]);
}

const struct verdict *allocator_verdict(const struct allocator *allocator,
					const struct service *service)
{
	const struct allocator_service *state =
		decision_under_way(allocator) ? NULL : find_state(allocator, service);

	return state && state->service ? &state->verdict : NULL;
}

bool allocator_ours(const struct allocator *allocator, const struct service *service)
{
	return service->wants_load_balancer && service_is_of(service, allocator->class);
}

/* Reports the verdicts of @states; from now on they count as possibly written. */
static void report(struct allocator *allocator, const struct allocator_services *states,
		   size_t *count)
{
	for (size_t i = 0; i < states->count; i++) {
		struct allocator_service *state = states->list[i];
		const struct address_list *addresses = &state->verdict.addresses;

		state->dirty = false;
		allocator->verdicts[(*count)++] = &state->verdict;
		for (size_t j = 0; j < addresses->count; j++)
			address_list_include(&state->written, &addresses->list[j]);
	}
}

/* Keeps a copy of the pools' present status. */
static void show_pools(struct allocator *allocator)
{
	size_t count = 0;

	shown_free(allocator);
	allocator->shown = xcalloc(allocator->stocks.count + 1, sizeof(*allocator->shown));
	while (stocks_status(&allocator->stocks, count, &allocator->shown[count])) {
		struct pool_status *shown = &allocator->shown[count++];

		pool_ref((struct pool *)shown->pool);
		shown->message = xstrdup(shown->message);
	}
	allocator->shown_count = count;
}

bool allocator_decide(struct allocator *allocator, size_t steps)
{
	if (!decision_under_way(allocator))
		allocator->others.count = 0;
	return decide(allocator, steps);
}

const struct verdict *const *allocator_settle(struct allocator *allocator, size_t *ret_count)
{
	allocator_decide(allocator, SIZE_MAX);
	allocator->verdicts =
		xreallocarray(allocator->verdicts, allocator->dirty.count + allocator->others.count,
			      sizeof(*allocator->verdicts));
	*ret_count = 0;
	report(allocator, &allocator->dirty, ret_count);
	report(allocator, &allocator->others, ret_count);
	allocator->dirty.count = 0;
	decision_free(&allocator->decision);
	show_pools(allocator);
	return allocator->verdicts;
}
