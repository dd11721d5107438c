// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "service_events.h"

/* What is answered from now on is told together, and is past its first flutter by then. */
#define GATHER_USEC 200000
/* Who has something to say for all nodes looks that often whether nobody answers. */
#define LOOK_USEC 5000000
/* For so long it needn't mean anything: objects come one after the other. Where a policy selects an
 * address, nodes wait for leases to run out as well. */
#define SILENCE_NS (4 * UINT64_C(1000000000))
/* Kubernetes keeps an Event for an hour. */
#define AGAIN_NS (900 * UINT64_C(1000000000))

/* An address that nobody answers for, since when. */
struct silence {
	struct address address;
	uint64_t since_ns;
};

struct silence_list {
	struct silence *list;
	size_t count, capacity;
};

struct service_events {
	service_view_fn *view;
	void *userdata;
	sd_event_source *gather, *look;
	struct selected *answered; /* without services */
	size_t answered_count, answered_capacity;
	struct silence_list silent; /* by address */
};

/* Calls @visit for each address of each Service that is the agent's to announce. */
typedef void visit_fn(const struct service_view *view, const struct service *service,
		      const struct address *address, bool load_balancer, void *data);

static void visit_all(const struct service_view *view, visit_fn *visit, void *data)
{
	size_t count;
	const struct manifest *const *manifests = source_manifests(view->source, &count);

	for (size_t m = 0; m < count; m++) {
		for (size_t i = 0; i < manifests[m]->service_count; i++) {
			const struct service *service = manifests[m]->services[i];

			if (!service_is_of(service, &view->class))
				continue;
			for (size_t a = 0; a < service->load_balancer.count; a++)
				visit(view, service, &service->load_balancer.list[a], true, data);
			for (size_t a = 0; a < service->external.count; a++)
				visit(view, service, &service->external.list[a], false, data);
		}
	}
}

/* ---- what this node answers for from now on ---- */

/* Appends the names of the interfaces of @first and those behind it of the same address. */
static void add_interfaces(const struct service_view *view, const struct selected *first,
			   const struct selected *end, struct err *text)
{
	for (const struct selected *on = first;
	     on < end && !address_compare(&on->address, &first->address); on++) {
		const struct link_row *row = link_table_find(view->links, on->ifindex);
		size_t used = strlen(text->text);

		if (row && (on == first || on->ifindex != on[-1].ifindex))
			snprintf(text->text + used, sizeof(text->text) - used, "%s%s",
				 on == first ? "" : ", ", row->link.name);
	}
}

static int by_address(const void *key, const void *row)
{
	return address_compare(key, &((const struct selected *)row)->address);
}

static void tell_answered(const struct service_view *view, const struct service *service,
			  const struct address *address, bool load_balancer, void *data)
{
	const struct service_events *events = data;
	const struct selected *list = events->answered, *end = list + events->answered_count;
	const struct selected *found =
		bsearch(address, list, end - list, sizeof(*list), by_address);
	char ip[INET6_ADDRSTRLEN];
	struct lease_info info = {};
	struct err text;
	bool moved;

	/* by now it may be another's again */
	if (!found || !reconcile_holds(view->reconcile, address))
		return;
	while (found > list && !address_compare(&found[-1].address, address))
		found--;
	lease_thread_info(view->thread, address, &info);
	moved = *info.former && strcmp(info.former, view->node) != 0;
	address_format(address, ip);
	if (moved)
		err_write(&text, "%s moved from %s to %s, announced on ", ip, info.former,
			  view->node);
	else
		err_write(&text, "%s announced by %s on ", ip, view->node);
	add_interfaces(view, found, end, &text);
	source_say_event(view->source, &(struct kube_event){
					       .service = service,
					       .address = address,
					       .reason = moved ? "Moved" : "Announced",
					       .message = text.text,
				       });
}

static int on_gather(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct service_events *events = userdata;
	struct service_view view;

	events->view(&view, events->userdata);
	qsort(events->answered, events->answered_count, sizeof(*events->answered),
	      selected_compare);
	visit_all(&view, tell_answered, events);
	free(events->answered);
	events->answered = NULL;
	events->answered_count = events->answered_capacity = 0;
	return 0;
}

void service_events_answered(struct service_events *events, const struct address *address,
			     uint32_t ifindex)
{
	size_t count = events->answered_count;

	ALLOC_GROW(events->answered, count, events->answered_capacity);
	events->answered[events->answered_count++] =
		(struct selected){ .address = *address, .ifindex = ifindex };
	if (count)
		return;
	sd_event_source_set_time_relative(events->gather, GATHER_USEC);
	sd_event_source_set_enabled(events->gather, SD_EVENT_ONESHOT);
}

/* ---- what nobody answers for ---- */

static int silence_compare(const void *a, const void *b)
{
	return address_compare(&((const struct silence *)a)->address,
			       &((const struct silence *)b)->address);
}

/* Why nobody may announce @address, and for how long that may be so without a word. False: that is
 * as it should be, or not known. */
static bool why_nobody(const struct service_view *view, const struct service *service,
		       const struct address *address, bool load_balancer, struct why *ret_why,
		       uint64_t *ret_grace_ns)
{
	struct policy_input input = view->input;
	struct why here;

	input.node = NULL;
	policy_why(&input, address, service, ret_why);
	*ret_grace_ns = SILENCE_NS;
	/* external addresses may be meant to be routed */
	if (ret_why->reason)
		return load_balancer;
	*ret_grace_ns += view->duration_ns;
	view->why(address, &here, view->userdata);
	*ret_why = here;
	err_write(&ret_why->text, "no node takes it; %s: %s", view->node, here.text.text);
	return view->shared;
}

struct looking {
	struct service_events *events;
	/* in the order in which visit_all() comes to them: who answers for them is asked at once */
	struct address *addresses;
	size_t count, capacity, at;
	bool *alive;
	struct silence_list now;
	uint64_t now_ns;
};

static void look_for(const struct service_view *view, const struct service *service,
		     const struct address *address, bool load_balancer, void *data)
{
	struct looking *looking = data;

	ALLOC_GROW(looking->addresses, looking->count, looking->capacity);
	looking->addresses[looking->count++] = *address;
}

static void look_at(const struct service_view *view, const struct service *service,
		    const struct address *address, bool load_balancer, void *data)
{
	struct looking *looking = data;
	struct silence_list *now = &looking->now;
	struct silence silence = { *address, looking->now_ns }, *before = NULL;
	char ip[INET6_ADDRSTRLEN];
	uint64_t grace_ns;
	struct err text;
	struct why why;

	if (looking->alive[looking->at++])
		return;
	if (!why_nobody(view, service, address, load_balancer, &why, &grace_ns))
		return;
	if (looking->events->silent.count)
		before = bsearch(&silence, looking->events->silent.list,
				 looking->events->silent.count, sizeof(silence), silence_compare);
	if (before)
		silence.since_ns = before->since_ns;
	ALLOC_GROW(now->list, now->count, now->capacity);
	now->list[now->count++] = silence;
	if (looking->now_ns < silence.since_ns + grace_ns)
		return;
	err_write(&text, "nobody may announce %s: %s", address_format(address, ip), why.text.text);
	source_say_event(view->source, &(struct kube_event){
					       .service = service,
					       .address = address,
					       .warning = true,
					       .reason = "NotAnnounced",
					       .message = text.text,
					       .again_ns = AGAIN_NS,
				       });
}

static void note_alive(size_t at, const struct lease_info *info, void *data)
{
	((struct looking *)data)->alive[at] = info->holder_alive;
}

/* One node says it for all: the one that gives the pools' addresses. */
static void look(struct service_events *events)
{
	struct looking looking = { .events = events, .now_ns = clock_boot_ns() };
	struct source_status source;
	struct lease_entries entries;
	struct lease_status lease;
	struct service_view view;

	events->view(&view, events->userdata);
	source_status(view.source, &source);
	lease_thread_status(view.thread, &lease, &entries);
	if (source.leads && lease.state != LEASE_CONNECTING) {
		visit_all(&view, look_for, &looking);
		looking.alive = xcalloc(looking.count + 1, sizeof(*looking.alive));
		lease_thread_find(view.thread, looking.addresses, looking.count, note_alive,
				  &looking);
		visit_all(&view, look_at, &looking);
		free(looking.addresses);
		free(looking.alive);
	}
	free(events->silent.list);
	events->silent = looking.now;
	if (events->silent.count)
		qsort(events->silent.list, events->silent.count, sizeof(struct silence),
		      silence_compare);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	look(userdata);
	sd_event_source_set_time_relative(source, LOOK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- life ---- */

void service_events_free(struct service_events *events)
{
	if (!events)
		return;
	sd_event_source_disable_unref(events->gather);
	sd_event_source_disable_unref(events->look);
	free(events->answered);
	free(events->silent.list);
	free(events);
}

int service_events_new(sd_event *event, service_view_fn *view, void *userdata,
		       struct service_events **ret_events, struct err *err)
{
	struct service_events *events = xcalloc(1, sizeof(*events));
	int r;

	events->view = view;
	events->userdata = userdata;
	r = sd_event_add_time_relative(event, &events->gather, CLOCK_BOOTTIME, GATHER_USEC, 1000,
				       on_gather, events);
	if (r >= 0)
		r = sd_event_source_set_enabled(events->gather, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &events->look, CLOCK_BOOTTIME, LOOK_USEC,
					       100000, on_look, events);
	if (r < 0) {
		service_events_free(events);
		return err_set(err, r, "starting timers: %s", strerror(-r));
	}
	*ret_events = events;
	return 0;
}
