// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "notify_events.h"
#include "notify_look.h"

/* Events wait this long, so that entries on several interfaces make one Event and addresses that
 * move on at once make none. */
#define GATHER_USEC 200000

struct notify_events {
	notify_view_fn *view;
	void *userdata;
	sd_event_source *gather;
	struct notify_look *look;
	struct selected *answered; /* without services */
	size_t answered_count, answered_capacity;
};

/* Called for each address of each Service of the agent's class. */
typedef void visit_fn(const struct notify_view *view, const struct service *service,
		      const struct address *address, bool load_balancer, void *data);

static void visit_all(const struct notify_view *view, visit_fn *visit, void *data)
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

static void report_answered(const struct notify_view *view, const struct service *service,
			    const struct address *address, bool load_balancer, void *data)
{
	const struct notify_events *events = data;
	const struct selected *list = events->answered, *end = list + events->answered_count;
	const struct selected *found =
		bsearch(address, list, end - list, sizeof(*list), by_address);
	char ip[INET6_ADDRSTRLEN];
	struct lease_info info = {};
	struct err text;
	bool moved;

	/* another node may have got it meanwhile */
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
	source_say_event(view->source, &(struct source_event){
					       .service = service,
					       .address = address,
					       .reason = moved ? "Moved" : "Announced",
					       .message = text.text,
				       });
}

static int on_gather(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct notify_events *events = userdata;
	struct notify_view view;

	events->view(&view, events->userdata);
	qsort(events->answered, events->answered_count, sizeof(*events->answered),
	      selected_compare);
	visit_all(&view, report_answered, events);
	free(events->answered);
	events->answered = NULL;
	events->answered_count = events->answered_capacity = 0;
	notify_look_soon(events->look);
	return 0;
}

void notify_events_answered(struct notify_events *events, const struct address *address,
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

/* ---- life ---- */

void notify_events_free(struct notify_events *events)
{
	if (!events)
		return;
	sd_event_source_disable_unref(events->gather);
	notify_look_free(events->look);
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
	r = sd_event_add_time_relative(event, &events->gather, CLOCK_BOOTTIME, GATHER_USEC, 1000,
				       on_gather, events);
	if (r >= 0)
		r = sd_event_source_set_enabled(events->gather, SD_EVENT_OFF);
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
