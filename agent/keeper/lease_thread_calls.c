// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "record.h"
#include "lease_thread_state.h"

/* Capacity of each mailbox, in messages. */
#define ROOM 1024

static int on_news(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct lease_thread *thread = userdata;
	uint64_t begun_ns = clock_boot_ns();
	struct lease_news *news;
	enum lease_state state;

	mailbox_seen(thread->news);
	while ((news = mailbox_take(thread->news))) {
		thread->callbacks.news(news, thread->userdata);
		free(news);
		if (!loop_may_go_on(begun_ns)) {
			mailbox_again(thread->news);
			break;
		}
	}
	state = atomic_load(&thread->state);
	if (state != thread->notified_state) {
		thread->notified_state = state;
		thread->callbacks.state(state, thread->userdata);
	}
	if (atomic_exchange(&thread->full, false))
		thread->callbacks.maps(true, thread->userdata);
	if (atomic_exchange(&thread->half, false))
		thread->callbacks.maps(false, thread->userdata);
	if (atomic_exchange(&thread->owners, false))
		thread->callbacks.owners(thread->userdata);
	return 0;
}

static int start(struct lease_thread *thread, struct err *err)
{
	sigset_t all, before;
	int r;

	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&thread->pthread, NULL, lease_loop_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		thread->pthread = 0; /* undefined after an error */
	return r < 0 ? err_set(err, r, "starting the lease thread: %s", strerror(-r)) : 0;
}

int lease_thread_new(sd_event *event, const char *bpffs, uint64_t liveness_ns,
		     struct systemd *systemd, const struct lease_thread_callbacks *callbacks,
		     void *userdata, struct lease_thread **ret_thread, struct err *err)
{
	struct lease_thread *thread = xcalloc(1, sizeof(*thread));
	int r;

	thread->callbacks = *callbacks;
	thread->userdata = userdata;
	thread->liveness_ns = liveness_ns;
	thread->systemd = systemd;
	thread->watched_ns = clock_boot_ns();
	thread->agent_event = sd_event_ref(event);
	thread->late_last = &thread->late;
	err_write(err, "starting the lease thread");
	r = sd_event_new(&thread->event);
	if (r >= 0)
		r = mailbox_new(ROOM, &thread->orders);
	if (!r)
		r = mailbox_new(ROOM, &thread->calls);
	if (!r)
		r = mailbox_new(ROOM, &thread->news);
	if (!r)
		r = keeper_new(thread->event, bpffs, &lease_loop_events, thread, &thread->keeper,
			       err);
	if (!r)
		r = lease_loop_add(thread);
	if (!r)
		r = sd_event_add_io(event, &thread->news_io, mailbox_fd(thread->news), EPOLLIN,
				    on_news, thread);
	if (r >= 0)
		r = start(thread, err);
	if (r < 0) {
		lease_thread_free(thread);
		return r;
	}
	*ret_thread = thread;
	return 0;
}

/* Has the lease thread run @call, and waits for it. */
static int call(struct lease_thread *thread, struct call *call)
{
	sem_init(&call->done, 0, 0);
	/* can't be full: there is one call at a time */
	mailbox_post(thread->calls, call);
	while (sem_wait(&call->done) < 0)
		;
	sem_destroy(&call->done);
	return call->result;
}

static void call_end(struct lease_thread *thread, struct call *call)
{
	call->result = sd_event_exit(thread->event, 0);
}

static void drop(struct mailbox *mailbox)
{
	void *message;

	while (mailbox && (message = mailbox_take(mailbox)))
		free(message);
	mailbox_free(mailbox);
}

void lease_thread_free(struct lease_thread *thread)
{
	if (!thread)
		return;
	if (thread->pthread) {
		call(thread, &(struct call){ .run = call_end });
		pthread_join(thread->pthread, NULL);
	}
	sd_event_source_disable_unref(thread->news_io);
	lease_end(thread->machine);
	keeper_free(thread->keeper);
	sd_event_source_disable_unref(thread->late_work);
	sd_event_source_disable_unref(thread->news_work);
	while (thread->late) {
		struct order *order = thread->late;

		thread->late = order->next;
		free(order);
	}
	drop(thread->orders);
	drop(thread->calls);
	drop(thread->news);
	sd_event_unref(thread->event);
	sd_event_unref(thread->agent_event);
	free(thread);
}

struct configuration {
	const struct lease_config *lease;
	uint64_t liveness_ns;
};

static void call_configure(struct lease_thread *thread, struct call *call)
{
	const struct configuration *configuration = call->in;
	struct lease_machine *former = thread->machine, *machine;

	call->result = lease_start(thread->event, configuration->lease, &keeper_callbacks,
				   thread->keeper, &machine, call->err);
	if (call->result < 0)
		return;
	call->result = keeper_expect_stamps(thread->keeper,
					    configuration->lease->timing.duration_ns, call->err);
	if (call->result < 0) {
		lease_end(machine);
		return;
	}
	thread->machine = machine;
	thread->configuration++;
	thread->liveness_ns = configuration->liveness_ns;
	keeper_set_machine(thread->keeper, machine);
	lease_machine_publish(machine, &thread->self);
	lease_end(former);
	atomic_store(&thread->state, LEASE_CONNECTING);
	if (thread->draining || thread->hung)
		lease_machine_drain(machine, true);
}

int lease_thread_configure(struct lease_thread *thread, const struct lease_config *config,
			   uint64_t liveness_ns, struct err *err)
{
	const struct configuration configuration = { config, liveness_ns };
	int r = call(thread,
		     &(struct call){ .run = call_configure, .in = &configuration, .err = err });

	/* any other state by now is this configuration's, and is to be reported */
	if (!r)
		thread->notified_state = LEASE_CONNECTING;
	return r;
}

void lease_thread_beat(struct lease_thread *thread)
{
	atomic_fetch_add(&thread->beats, 1);
}

static bool order_send(struct lease_thread *thread, struct order *order)
{
	if (mailbox_post(thread->orders, order))
		return true;
	free(order);
	return false;
}

static struct order *order_new(const struct lease_thread *thread, enum order_kind kind,
			       size_t places)
{
	struct order *order = xcalloc(1, sizeof(*order) + places * sizeof(order->places[0]));

	order->kind = kind;
	order->configuration = thread->configuration;
	return order;
}

bool lease_thread_wish(struct lease_thread *thread, const struct lease_wish *wish)
{
	struct order *order;

	if (!mailbox_has_room(thread->orders))
		return false;
	order = order_new(thread, ORDER_WISH, wish->place_count);
	order->wish = *wish;
	if (wish->place_count)
		memcpy(order->places, wish->places, wish->place_count * sizeof(order->places[0]));
	order->wish.places = order->places;
	return order_send(thread, order);
}

bool lease_thread_settled(struct lease_thread *thread)
{
	return order_send(thread, order_new(thread, ORDER_SETTLED, 0));
}

bool lease_thread_check(struct lease_thread *thread, const struct entry_key *key)
{
	struct order *order = order_new(thread, ORDER_CHECK, 0);

	order->key = *key;
	return order_send(thread, order);
}

static void call_drain(struct lease_thread *thread, struct call *call)
{
	thread->draining = *(const bool *)call->in;
	lease_machine_drain(thread->machine, thread->draining || thread->hung);
}

void lease_thread_drain(struct lease_thread *thread, bool drain)
{
	call(thread, &(struct call){ .run = call_drain, .in = &drain });
}

static void call_stop(struct lease_thread *thread, struct call *call)
{
	lease_machine_stop(thread->machine);
}

void lease_thread_stop(struct lease_thread *thread)
{
	call(thread, &(struct call){ .run = call_stop });
}

struct move {
	const struct address *address;
	const char *node;
};

static void call_move(struct lease_thread *thread, struct call *call)
{
	const struct move *move = call->in;

	call->result = lease_machine_move(thread->machine, move->address, move->node, call->err);
}

int lease_thread_move(struct lease_thread *thread, const struct address *address, const char *node,
		      struct err *err)
{
	const struct move move = { address, node };

	return call(thread, &(struct call){ .run = call_move, .in = &move, .err = err });
}

static void call_publish(struct lease_thread *thread, struct call *call)
{
	thread->self = *(const struct lease_self *)call->in;
	if (thread->self.own_count > RECORD_OWN_MAX)
		thread->self.own_count = RECORD_OWN_MAX;
	for (size_t i = 0; i < thread->self.own_count; i++)
		thread->own[i] = thread->self.own[i];
	thread->self.own = thread->own;
	if (thread->machine)
		lease_machine_publish(thread->machine, &thread->self);
}

void lease_thread_publish(struct lease_thread *thread, const struct lease_self *self)
{
	call(thread, &(struct call){ .run = call_publish, .in = self });
}

static void call_owners(struct lease_thread *thread, struct call *call)
{
	call->result = lease_owners_list(thread->machine, call->out);
}

int lease_thread_owners(struct lease_thread *thread, struct address_list *addresses)
{
	return call(thread, &(struct call){ .run = call_owners, .out = addresses });
}

/* Addresses a call, so that the lease thread isn't blocked for long. */
#define FIND_MAX 256

struct finding {
	const struct address *addresses;
	size_t count;
	struct lease_info *infos;
};

static void call_find(struct lease_thread *thread, struct call *call)
{
	const struct finding *finding = call->in;

	for (size_t i = 0; i < finding->count; i++) {
		int r = lease_machine_info(thread->machine, &finding->addresses[i],
					   &finding->infos[i]);

		if (r < 0)
			finding->infos[i] = (struct lease_info){ .unknown = r == -EAGAIN,
								 .absent = r != -EAGAIN };
	}
}

void lease_thread_info(struct lease_thread *thread, const struct address *address,
		       struct lease_info *ret_info)
{
	const struct finding finding = { address, 1, ret_info };

	call(thread, &(struct call){ .run = call_find, .in = &finding });
}

void lease_thread_find(struct lease_thread *thread, const struct address *addresses, size_t count,
		       lease_found_fn *found, void *data)
{
	struct lease_info *infos = xcalloc(count < FIND_MAX ? count + 1 : FIND_MAX, sizeof(*infos));

	for (size_t from = 0; from < count; from += FIND_MAX) {
		size_t now = count - from < FIND_MAX ? count - from : FIND_MAX;
		const struct finding finding = { addresses + from, now, infos };

		call(thread, &(struct call){ .run = call_find, .in = &finding });
		for (size_t i = 0; i < now; i++)
			found(from + i, &infos[i], data);
	}
	free(infos);
}

struct presence {
	const struct address *addresses;
	size_t count;
	int present[FIND_MAX];
};

static void call_present(struct lease_thread *thread, struct call *call)
{
	struct presence *presence = call->out;

	for (size_t i = 0; i < presence->count; i++)
		presence->present[i] = keeper_present(thread->keeper, &presence->addresses[i]);
}

void lease_thread_present(struct lease_thread *thread, const struct address *addresses,
			  size_t count, lease_present_fn *found, void *data)
{
	struct presence presence;

	for (size_t from = 0; from < count; from += presence.count) {
		presence.addresses = addresses + from;
		presence.count = count - from < FIND_MAX ? count - from : FIND_MAX;
		call(thread, &(struct call){ .run = call_present, .out = &presence });
		for (size_t i = 0; i < presence.count; i++)
			found(from + i, presence.present[i], data);
	}
}

static void call_follow(struct lease_thread *thread, struct call *call)
{
	keeper_follow(thread->keeper);
}

void lease_thread_follow(struct lease_thread *thread)
{
	call(thread, &(struct call){ .run = call_follow });
}

struct status {
	struct lease_status lease;
	struct lease_entries entries;
};

static void call_status(struct lease_thread *thread, struct call *call)
{
	struct status *status = call->out;

	lease_machine_status(thread->machine, &status->lease);
	keeper_figures(thread->keeper, &status->entries);
}

void lease_thread_status(struct lease_thread *thread, struct lease_status *ret_status,
			 struct lease_entries *ret_entries)
{
	struct status status = {};

	call(thread, &(struct call){ .run = call_status, .out = &status });
	*ret_status = status.lease;
	*ret_entries = status.entries;
}

const struct loop_times *lease_thread_times(const struct lease_thread *thread)
{
	return &thread->times;
}
