// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "loop.h"
#include "notify_events.h"
#include "notify_look.h"
#include "policy_force.h"

/* Events wait this long, so that entries on several interfaces make one Event and addresses that
 * move on at once make none. */
#define GATHER_USEC 200000
/* Events between two looks at the clock. */
#define TURN 64

/* An Event that is due: an address that this node answers for, of one of its Services. */
struct due {
	struct service *service; /* referenced */
	size_t first;		 /* index in notify_events.reported */
};

struct notify_events {
	notify_view_fn *view;
	void *userdata;
	sd_event_source *gather;
	struct notify_look *look;
	struct selected *answered; /* without services */
	size_t answered_count, answered_capacity;

	/* of those gathered before, in turns: the rows, sorted, and the Events */
	struct selected *reported;
	size_t reported_count;
	struct due *due;
	struct address *addresses; /* of @due */
	size_t due_count, due_capacity, address_capacity, written;
};

/* ---- addresses that this node has begun to answer for ---- */

/* Appends the names of the interfaces of @first and of the rows after it with the same address. */
static void add_interfaces(const struct notify_view *view, const struct selected *first,
			   const struct selected *end, struct err *text)
{
	for (const struct selected *on = first;
	     on < end && !address_compare(&on->address, &first->address); on++) {
		const struct links_row *row = links_find(view->links, on->ifindex);

		if (row && (on == first || on->ifindex != on[-1].ifindex))
			err_add(text, "%s%s", on == first ? "" : ", ", row->link.name);
	}
}

static int by_address(const void *key, const void *row)
{
	return address_compare(key, &((const struct selected *)row)->address);
}

/* Adds the Events of @service's addresses that this node has begun to answer for, unless it does so
 * for other Services only. */
static void add_due(struct notify_events *events, const struct in_force_list *in_force,
		    const struct service_class *class, struct service *service, bool load_balancer)
{
	const struct address_list *addresses =
		load_balancer ? &service->load_balancer : &service->external;

	for (size_t i = 0; i < addresses->count; i++) {
		const struct address *address = &addresses->list[i];
		const struct selected *found =
			bsearch(address, events->reported, events->reported_count,
				sizeof(*events->reported), by_address);
		size_t count = events->due_count;

		if (!found)
			continue;
		if (in_force_list_reason(in_force, class, service, load_balancer))
			return;
		while (found > events->reported && !address_compare(&found[-1].address, address))
			found--;
		ALLOC_GROW(events->due, count, events->due_capacity);
		ALLOC_GROW(events->addresses, count, events->address_capacity);
		events->addresses[count] = *address;
		events->due[count] = (struct due){ service_ref(service), found - events->reported };
		events->due_count++;
	}
}

static void begin_report(struct notify_events *events, const struct notify_view *view)
{
	size_t count;
	const struct manifest *const *manifests = source_manifests(view->source, &count);
	_cleanup_(in_force_list_free) struct in_force_list in_force =
		in_force_find(manifests, count, NULL, NULL);

	qsort(events->answered, events->answered_count, sizeof(*events->answered),
	      selected_compare);
	events->reported = events->answered;
	events->reported_count = events->answered_count;
	events->answered = NULL;
	events->answered_count = events->answered_capacity = 0;
	for (size_t m = 0; m < count; m++) {
		for (size_t i = 0; i < manifests[m]->service_count; i++) {
			struct service *service = manifests[m]->services[i];

			add_due(events, &in_force, &view->class, service, true);
			add_due(events, &in_force, &view->class, service, false);
		}
	}
}

static void end_report(struct notify_events *events)
{
	for (size_t i = 0; i < events->due_count; i++)
		service_unref(events->due[i].service);
	free(events->reported);
	free(events->due);
	free(events->addresses);
	events->reported = NULL;
	events->due = NULL;
	events->addresses = NULL;
	events->reported_count = events->due_count = events->written = 0;
	events->due_capacity = events->address_capacity = 0;
}

struct writing {
	struct notify_events *events;
	struct notify_view view;
};

/* Writes the next Event. */
static void write_event(size_t at, const struct lease_info *info, void *data)
{
	const struct writing *writing = data;
	const struct notify_view *view = &writing->view;
	struct notify_events *events = writing->events;
	const struct address *address = &events->addresses[events->written];
	const struct due *due = &events->due[events->written++];
	bool moved = *info->former && strcmp(info->former, view->node) != 0;
	char ip[INET6_ADDRSTRLEN];
	struct err text;

	/* another node may have got it meanwhile */
	if (!reconcile_holds(view->reconcile, address))
		return;
	address_format(address, ip);
	if (moved)
		err_write(&text, "%s moved from %s to %s, announced on ", ip, info->former,
			  view->node);
	else
		err_write(&text, "%s announced by %s on ", ip, view->node);
	add_interfaces(view, &events->reported[due->first],
		       events->reported + events->reported_count, &text);
	source_say_event(view->source, &(struct source_event){
					       .service = due->service,
					       .address = address,
					       .reason = moved ? "Moved" : "Announced",
					       .message = text.text,
				       });
}

static int on_gather(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct notify_events *events = userdata;
	struct writing writing = { .events = events };
	uint64_t begun_ns = clock_boot_ns();

	events->view(&writing.view, events->userdata);
	if (!events->reported)
		begin_report(events, &writing.view);
	while (events->written < events->due_count && loop_may_go_on(begun_ns)) {
		size_t left = events->due_count - events->written;

		lease_thread_find(writing.view.thread, &events->addresses[events->written],
				  left < TURN ? left : TURN, write_event, &writing);
	}
	if (events->written < events->due_count) {
		loop_timer_after(events->gather, 0);
		return 0;
	}
	end_report(events);
	notify_look_soon(events->look);
	if (events->answered)
		loop_timer_after(events->gather, GATHER_USEC);
	return 0;
}

void notify_events_answered(struct notify_events *events, const struct address *address,
			    uint32_t ifindex)
{
	size_t count = events->answered_count;

	ALLOC_GROW(events->answered, count, events->answered_capacity);
	events->answered[events->answered_count++] =
		(struct selected){ .address = *address, .ifindex = ifindex };
	if (!count && !events->reported)
		loop_timer_after(events->gather, GATHER_USEC);
}

/* ---- life ---- */

void notify_events_free(struct notify_events *events)
{
	if (!events)
		return;
	sd_event_source_disable_unref(events->gather);
	notify_look_free(events->look);
	end_report(events);
	free(events->answered);
	free(events);
}

int notify_events_new(sd_event *event, notify_view_fn *view, void *userdata,
		      struct notify_events **ret_events, struct err *err)
{
	struct notify_events *events = xcalloc(1, sizeof(*events));
	int r;

	events->view = view;
	events->userdata = userdata;
	r = loop_timer_new(event, LOOP_NEVER, on_gather, events, &events->gather);
	if (r < 0)
		r = err_set(err, r, "starting timers: %s", strerror(-r));
	else
		r = notify_look_new(event, view, userdata, &events->look, err);
	if (r < 0) {
		notify_events_free(events);
		return r;
	}
	*ret_events = events;
	return 0;
}
