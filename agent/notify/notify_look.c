// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "loop.h"
#include "notify_condition.h"
#include "notify_look.h"
#include "text_hash.h"

/* Interval from the end of a look to the next one, and the shorter one if there is a reason. */
#define LOOK_USEC 5000000
#define SOON_USEC 1000000
/* Minimum number of addresses in a turn, unless there are fewer. */
#define TURN ((size_t)256)
/* Kubernetes keeps an Event for an hour. */
#define REPEAT_NS (900 * CLOCK_NS_PER_S)

/* An address of a Service that isn't announced. */
struct silence {
	struct address address; /* zeroed: the Service has no address */
	uint64_t service;	/* a hash of its uid */
	uint64_t since_ns;
};

struct silence_list {
	struct silence *list;
	size_t count, capacity;
};

struct notify_look {
	notify_view_fn *view;
	void *userdata;
	sd_event_source *timer;
	/* The Service that the next turn begins with. If the source changes meanwhile, one may be
	 * skipped or repeated until the next look. */
	size_t manifest, service;
	bool under_way;
	bool again; /* look again soon: something has changed since this look began */
	uint64_t ended_ns;
	struct silence_list silent, now; /* found by the last look, sorted; found by this one */
};

/* The Services of one turn. */
struct turn {
	struct notify_look *look;
	struct notify_check check;
	const struct service **services;
	size_t count, capacity;
	struct address *addresses; /* of all services, one after the other */
	size_t address_count, address_capacity;
	struct lease_info *infos; /* of the addresses */
};

/* ---- Events about addresses that aren't announced ---- */

static int silence_compare(const void *a, const void *b)
{
	const struct silence *left = a, *right = b;
	int order = address_compare(&left->address, &right->address);

	if (order || left->service == right->service)
		return order;
	return left->service < right->service ? -1 : 1;
}

/* Since when @address of @service isn't announced. */
static uint64_t silent_since(struct notify_look *look, const struct service *service,
			     const struct address *address)
{
	struct silence silence = { *address, hash_text(HASH_BEGIN, service->uid ?: ""),
				   clock_boot_ns() };
	const struct silence *before = NULL;
	struct silence_list *now = &look->now;

	if (look->silent.count)
		before = bsearch(&silence, look->silent.list, look->silent.count, sizeof(silence),
				 silence_compare);
	if (before)
		silence.since_ns = before->since_ns;
	ALLOC_GROW(now->list, now->count, now->capacity);
	now->list[now->count++] = silence;
	return silence.since_ns;
}

/* Writes an Event, unless @address hasn't been announced for less than @grace_ns. */
static void write_event(struct turn *turn, const struct service *service,
			const struct address *address, uint64_t grace_ns, const char *text)
{
	if (clock_boot_ns() < silent_since(turn->look, service, address) + grace_ns)
		return;
	source_say_event(turn->check.view->source, &(struct source_event){
							   .service = service,
							   .address = address,
							   .warning = true,
							   .reason = "NotAnnounced",
							   .message = text,
							   .repeat_ns = REPEAT_NS,
						   });
}

/* This node holds the lease but doesn't answer, which other nodes can't know. */
static void report_held(struct turn *turn, const struct service *service,
			const struct address *address, const struct lease_info *info)
{
	const struct notify_view *view = turn->check.view;
	char ip[INET6_ADDRSTRLEN];
	struct err text;
	struct why why;

	if (!reconcile_why_silent(view->reconcile, address))
		return;
	notify_why_here(&turn->check, address, info, &why);
	if (!why.reason)
		return;
	err_write(&text, "%s holds %s but doesn't announce it: %s", view->node,
		  address_format(address, ip), why.text.text);
	write_event(turn, service, address, NOTIFY_SILENCE_NS, text.text);
}

static void report_unannounced(struct turn *turn, const struct service *service,
			       const struct address *address, bool load_balancer,
			       const struct lease_info *info)
{
	char ip[INET6_ADDRSTRLEN];
	struct notify_unannounced unannounced;
	struct err text;

	notify_why_unannounced(&turn->check, service, address, load_balancer, info, &unannounced);
	if (unannounced.intended || !unannounced.known)
		return;
	err_write(&text, "no node can announce %s: %s", address_format(address, ip),
		  unannounced.why.text.text);
	write_event(turn, service, address, unannounced.grace_ns, text.text);
}

static void report_no_address(struct turn *turn, const struct service *service)
{
	struct err text;
	struct why why;

	if (!notify_lacks_address(&turn->check, service, &why))
		return;
	err_write(&text, "it has no address to announce: %s", why.text.text);
	write_event(turn, service, &(struct address){}, NOTIFY_SILENCE_NS, text.text);
}

static void report_events(struct turn *turn, const struct service *service,
			  const struct lease_info *infos)
{
	size_t balanced = service->load_balancer.count;
	bool leads = turn->check.leads;

	if (!service_is_of(service, &turn->check.view->class))
		return;
	for (size_t i = 0; i < balanced + service->external.count; i++) {
		bool load_balancer = i < balanced;
		const struct address *address = load_balancer
							? &service->load_balancer.list[i]
							: &service->external.list[i - balanced];

		if (infos[i].held)
			report_held(turn, service, address, &infos[i]);
		else if (leads && !infos[i].holder_alive)
			report_unannounced(turn, service, address, load_balancer, &infos[i]);
	}
	if (leads)
		report_no_address(turn, service);
}

/* ---- a turn ---- */

static bool holds_any(const struct notify_view *view, const struct address_list *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (reconcile_holds(view->reconcile, &addresses->list[i]))
			return true;
	return false;
}

/* Does this node, if it isn't the leader, report on @service? */
static bool is_reported_here(const struct notify_view *view, const struct service *service)
{
	return !view->shared || !view->knows || holds_any(view, &service->load_balancer) ||
	       holds_any(view, &service->external);
}

static void add_addresses(struct turn *turn, const struct address_list *addresses)
{
	for (size_t i = 0; i < addresses->count; i++) {
		ALLOC_GROW(turn->addresses, turn->address_count, turn->address_capacity);
		turn->addresses[turn->address_count++] = addresses->list[i];
	}
}

static void add_service(struct turn *turn, const struct service *service)
{
	if (!turn->check.leads && !is_reported_here(turn->check.view, service))
		return;
	ALLOC_GROW(turn->services, turn->count, turn->capacity);
	turn->services[turn->count++] = service;
	add_addresses(turn, &service->load_balancer);
	add_addresses(turn, &service->external);
}

/* Gathers as many Services as a turn has time for. False: these are the last. */
static bool gather(struct turn *turn)
{
	struct notify_look *look = turn->look;
	size_t count, visited = 0;
	const struct manifest *const *manifests =
		source_manifests(turn->check.view->source, &count);

	for (; look->manifest < count; look->manifest++, look->service = 0)
		while (look->service < manifests[look->manifest]->service_count) {
			if (visited++ > 16 * TURN || turn->address_count >= TURN ||
			    turn->count >= TURN)
				return true;
			add_service(turn, manifests[look->manifest]->services[look->service++]);
		}
	return false;
}

static void note_info(size_t at, const struct lease_info *info, void *data)
{
	((struct turn *)data)->infos[at] = *info;
}

static void report(struct turn *turn, bool connecting)
{
	const struct lease_info *infos = turn->infos;

	for (size_t i = 0; i < turn->count; i++) {
		const struct service *service = turn->services[i];

		if (!connecting)
			report_events(turn, service, infos);
		notify_condition_write(&turn->check, service, infos);
		infos += service->load_balancer.count + service->external.count;
	}
}

/* Returns whether Services are left for another turn. */
static bool run_turn(struct notify_look *look, const struct notify_view *view)
{
	struct turn turn = { .look = look, .check = { .view = view } };
	struct lease_entries entries;
	struct source_status source;
	struct lease_status lease;
	bool more;

	source_status(view->source, &source);
	turn.check.leads = source.leads;
	turn.check.assigns = source.allocator;
	more = gather(&turn);
	turn.check.services = turn.services;
	turn.check.count = turn.count;
	turn.infos = xcalloc(turn.address_count + 1, sizeof(*turn.infos));
	lease_thread_find(view->thread, turn.addresses, turn.address_count, note_info, &turn);
	lease_thread_status(view->thread, &lease, &entries);
	report(&turn, lease.state == LEASE_CONNECTING);
	notify_check_end(&turn.check);
	free(turn.services);
	free(turn.addresses);
	free(turn.infos);
	return more;
}

static void end_look(struct notify_look *look)
{
	free(look->silent.list);
	look->silent = look->now;
	look->now = (struct silence_list){};
	if (look->silent.count)
		qsort(look->silent.list, look->silent.count, sizeof(struct silence),
		      silence_compare);
	look->manifest = look->service = 0;
	look->under_way = false;
	look->ended_ns = clock_boot_ns();
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct notify_look *look = userdata;
	uint64_t begun_ns = clock_boot_ns(), wait_usec;
	struct notify_view view;

	look->view(&view, look->userdata);
	if (!look->under_way)
		look->again = false;
	look->under_way = source_has_events(view.source) && source_known(view.source) &&
			  run_turn(look, &view);
	/* use at most a fifth of the time */
	wait_usec = 4 * (clock_boot_ns() - begun_ns) / 1000;
	if (!look->under_way) {
		end_look(look);
		wait_usec = look->again ? SOON_USEC : LOOK_USEC;
	}
	return loop_timer_after(source, wait_usec);
}

void notify_look_soon(struct notify_look *look)
{
	uint64_t since_usec = (clock_boot_ns() - look->ended_ns) / 1000;

	look->again = true;
	if (!look->under_way)
		loop_timer_after(look->timer, since_usec < SOON_USEC ? SOON_USEC - since_usec : 0);
}

/* ---- life ---- */

void notify_look_free(struct notify_look *look)
{
	if (!look)
		return;
	sd_event_source_disable_unref(look->timer);
	free(look->silent.list);
	free(look->now.list);
	free(look);
}

int notify_look_new(sd_event *event, notify_view_fn *view, void *userdata,
		    struct notify_look **ret_look, struct err *err)
{
	struct notify_look *look = xcalloc(1, sizeof(*look));
	int r = loop_timer_new(event, LOOK_USEC, on_look, look, &look->timer);

	if (r < 0) {
		free(look);
		return err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	look->view = view;
	look->userdata = userdata;
	*ret_look = look;
	return 0;
}
