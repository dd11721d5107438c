// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "alloc.h"
#include "clock.h"
#include "lease_keeper.h"
#include "lease_record.h"
#include "lease_thread.h"
#include "log.h"
#include "mailbox.h"

/* Messages on their way, in each direction. */
#define ROOM 1024
/* The rest of the agent has no room for news: again after that. */
#define NEWS_RETRY_USEC 5000
/* How often the lease thread looks whether the rest is alive. */
#define WATCH_NS 250000000ULL

/* A function that the lease thread runs while the rest of the agent waits for it. */
struct call {
	void (*run)(struct lease_thread *thread, struct call *call);
	const void *in;
	void *out;
	struct err *err;
	int result;
	sem_t done;
};

enum order_kind {
	ORDER_WISH,
	ORDER_SETTLED,
	ORDER_CHECK,
};

struct order {
	enum order_kind kind;
	struct order *next; /* in the late ones */
	struct lease_wish wish;
	struct entry_key key;
	char preferred[LEASE_NODE_MAX + 1];
	struct lease_place places[];
};

struct lease_thread {
	pthread_t pthread;
	sd_event *event, *agent_event;
	struct lease_thread_callbacks callbacks;
	void *userdata;
	struct loop_times times;

	/* between the two */
	struct mailbox *orders, *calls; /* to the lease thread */
	struct mailbox *news;		/* from it */
	_Atomic uint64_t beats;		/* of the rest */
	_Atomic int state;		/* enum lease_state */
	_Atomic bool full, half;	/* the maps wait for the writers' lock */

	/* the rest's */
	sd_event_source *news_io;
	enum lease_state told_state;

	/* the lease thread's */
	struct lease_manager *manager;
	struct keeper *keeper;
	sd_event_source *late_work, *news_work;
	struct order *late, **late_last; /* wait until the manager has seen what came before */
	uint64_t liveness_ns;
	uint64_t beats_seen, silent_ns, watched_ns;
	bool draining; /* as asked */
	bool hung;     /* the rest doesn't beat */
};

/* ---- in the lease thread: orders and calls ---- */

static void order_run(struct lease_thread *thread, struct order *order)
{
	const struct lease_wish *wish = &order->wish;
	struct lease_preference preference = { wish->preferred_node, wish->last_resort };

	keeper_place(thread->keeper, wish);
	if (wish->wanted)
		lease_manager_want(thread->manager, &wish->address, &preference);
	else
		lease_manager_unwant(thread->manager, &wish->address);
}

static int on_orders(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct lease_thread *thread = userdata;
	uint64_t begun_ns = clock_boot_ns();
	struct order *order;

	(void)source;
	(void)fd;
	(void)revents;
	mailbox_seen(thread->orders);
	while ((order = mailbox_take(thread->orders))) {
		if (order->kind == ORDER_WISH) {
			order_run(thread, order);
			free(order);
		} else {
			order->next = NULL;
			*thread->late_last = order;
			thread->late_last = &order->next;
			sd_event_source_set_enabled(thread->late_work, SD_EVENT_ONESHOT);
		}
		if (!loop_may_go_on(begun_ns)) {
			mailbox_again(thread->orders);
			break;
		}
	}
	return 0;
}

/* What is to be compared with what the manager holds, now that it has seen the wishes before. */
static int on_late(sd_event_source *source, void *userdata)
{
	struct lease_thread *thread = userdata;
	uint64_t begun_ns = clock_boot_ns();

	while (thread->late && loop_may_go_on(begun_ns)) {
		struct order *order = thread->late;

		thread->late = order->next;
		if (order->kind == ORDER_SETTLED)
			lease_manager_settled(thread->manager);
		else
			keeper_check(thread->keeper, &order->key);
		free(order);
	}
	if (!thread->late)
		thread->late_last = &thread->late;
	return sd_event_source_set_enabled(source, thread->late ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_calls(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct lease_thread *thread = userdata;
	struct call *call;

	(void)source;
	(void)fd;
	(void)revents;
	mailbox_seen(thread->calls);
	while ((call = mailbox_take(thread->calls))) {
		call->run(thread, call);
		sem_post(&call->done);
	}
	return 0;
}

/* ---- in the lease thread: news ---- */

static int on_news_work(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lease_thread *thread = userdata;
	uint64_t begun_ns = clock_boot_ns();
	struct lease_news *news;

	(void)usec;
	while (mailbox_has_room(thread->news) && loop_may_go_on(begun_ns)) {
		news = keeper_news(thread->keeper);
		if (!news)
			return 0;
		mailbox_post(thread->news, news);
	}
	sd_event_source_set_time_relative(source,
					  mailbox_has_room(thread->news) ? 0 : NEWS_RETRY_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void on_news(void *userdata)
{
	struct lease_thread *thread = userdata;
	int enabled;

	if (sd_event_source_get_enabled(thread->news_work, &enabled) > 0)
		return;
	sd_event_source_set_time_relative(thread->news_work, 0);
	sd_event_source_set_enabled(thread->news_work, SD_EVENT_ONESHOT);
}

static void on_maps(bool full, void *userdata)
{
	struct lease_thread *thread = userdata;

	atomic_store(full ? &thread->full : &thread->half, true);
	mailbox_again(thread->news);
}

static void on_state(enum lease_state state, void *userdata)
{
	struct lease_thread *thread = userdata;

	atomic_store(&thread->state, state);
	mailbox_again(thread->news);
}

static const struct keeper_events keeper_events = { on_news, on_maps, on_state };

/* ---- in the lease thread: is the rest alive? ---- */

/* For how long it has been silent, while this thread ran: a process that is stopped, and a machine
 * that sleeps, don't hang. */
static uint64_t silence(struct lease_thread *thread)
{
	uint64_t beats = atomic_load(&thread->beats), now_ns = clock_boot_ns();
	uint64_t passed_ns = now_ns - thread->watched_ns;

	thread->watched_ns = now_ns;
	if (beats != thread->beats_seen)
		thread->silent_ns = 0;
	else
		thread->silent_ns += passed_ns < 4 * WATCH_NS ? passed_ns : WATCH_NS;
	thread->beats_seen = beats;
	return thread->silent_ns;
}

static int on_watch(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lease_thread *thread = userdata;
	uint64_t silent_ns = silence(thread);
	bool hung = silent_ns > thread->liveness_ns;

	(void)usec;
	if (hung != thread->hung) {
		if (hung)
			log_say(LOG_ERR, "the agent has hung for %llu s: giving up all addresses",
				(unsigned long long)(silent_ns / 1000000000));
		else
			log_say(LOG_NOTICE, "the agent goes on, and takes part again");
		thread->hung = hung;
		if (thread->manager)
			lease_manager_drain(thread->manager, hung || thread->draining);
	}
	sd_event_source_set_time_relative(source, WATCH_NS / 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- in the lease thread: its life ---- */

static void *lease_main(void *userdata)
{
	struct lease_thread *thread = userdata;
	int r;

	prctl(PR_SET_NAME, "lease");
	log_only_keep();
	r = loop_run(thread->event, &thread->times);
	if (r < 0) {
		/* nothing is renewed from here on, and the data path's fence makes that safe */
		log_say(LOG_ERR, "the lease thread's event loop: %s", strerror(-r));
		abort();
	}
	return NULL;
}

static int prioritize(sd_event_source *source, int64_t priority)
{
	return sd_event_source_set_priority(source, SD_EVENT_PRIORITY_NORMAL + priority);
}

/* What renews goes first, then orders, then what is written and told for them. */
static int sources_add(struct lease_thread *thread)
{
	sd_event_source *orders, *calls, *watch;
	sd_event *event = thread->event;
	int r = sd_event_add_io(event, &calls, mailbox_fd(thread->calls), EPOLLIN, on_calls,
				thread);

	if (r >= 0)
		r = sd_event_add_io(event, &orders, mailbox_fd(thread->orders), EPOLLIN, on_orders,
				    thread);
	if (r >= 0)
		r = prioritize(orders, 1);
	if (r >= 0)
		r = sd_event_add_defer(event, &thread->late_work, on_late, thread);
	if (r >= 0)
		r = sd_event_source_set_enabled(thread->late_work, SD_EVENT_OFF);
	if (r >= 0)
		r = prioritize(thread->late_work, 3);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &thread->news_work, CLOCK_BOOTTIME, 0, 1,
					       on_news_work, thread);
	if (r >= 0)
		r = sd_event_source_set_enabled(thread->news_work, SD_EVENT_OFF);
	if (r >= 0)
		r = prioritize(thread->news_work, 2);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &watch, CLOCK_BOOTTIME, WATCH_NS / 1000, 1000,
					       on_watch, thread);
	if (r < 0)
		return r;
	/* the loop keeps these until it is freed */
	sd_event_source_set_floating(calls, true);
	sd_event_source_set_floating(orders, true);
	sd_event_source_set_floating(watch, true);
	sd_event_source_unref(calls);
	sd_event_source_unref(orders);
	sd_event_source_unref(watch);
	return 0;
}

/* ---- in the rest of the agent ---- */

static int on_told(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct lease_thread *thread = userdata;
	uint64_t begun_ns = clock_boot_ns();
	struct lease_news *news;
	enum lease_state state;

	(void)source;
	(void)fd;
	(void)revents;
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
	if (state != thread->told_state) {
		thread->told_state = state;
		thread->callbacks.state(state, thread->userdata);
	}
	if (atomic_exchange(&thread->full, false))
		thread->callbacks.maps(true, thread->userdata);
	if (atomic_exchange(&thread->half, false))
		thread->callbacks.maps(false, thread->userdata);
	return 0;
}

static int start(struct lease_thread *thread)
{
	sigset_t all, before;
	int r;

	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&thread->pthread, NULL, lease_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int lease_thread_new(sd_event *event, const char *bpffs, uint64_t liveness_ns,
		     const struct lease_thread_callbacks *callbacks, void *userdata,
		     struct lease_thread **ret_thread, struct err *err)
{
	struct lease_thread *thread = xcalloc(1, sizeof(*thread));
	int r;

	thread->callbacks = *callbacks;
	thread->userdata = userdata;
	thread->liveness_ns = liveness_ns;
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
		r = keeper_new(thread->event, bpffs, &keeper_events, thread, &thread->keeper, err);
	if (!r)
		r = sources_add(thread);
	if (!r)
		r = sd_event_add_io(event, &thread->news_io, mailbox_fd(thread->news), EPOLLIN,
				    on_told, thread);
	if (r >= 0)
		r = start(thread);
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
	/* there is one at a time */
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
	lease_manager_free(thread->manager);
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
	struct lease_manager *former = thread->manager, *manager;

	call->result = lease_manager_new(thread->event, configuration->lease, &keeper_callbacks,
					 thread->keeper, &manager, call->err);
	if (call->result < 0)
		return;
	call->result = keeper_expect_stamps(
		thread->keeper, configuration->lease->timing.retry_period_ns, call->err);
	if (call->result < 0) {
		lease_manager_free(manager);
		return;
	}
	thread->manager = manager;
	thread->liveness_ns = configuration->liveness_ns;
	keeper_set_manager(thread->keeper, manager);
	lease_manager_free(former);
	atomic_store(&thread->state, LEASE_CONNECTING);
	if (thread->draining || thread->hung)
		lease_manager_drain(manager, true);
}

int lease_thread_configure(struct lease_thread *thread, const struct lease_config *config,
			   uint64_t liveness_ns, struct err *err)
{
	const struct configuration configuration = { config, liveness_ns };
	int r = call(thread,
		     &(struct call){ .run = call_configure, .in = &configuration, .err = err });

	/* whatever the state is by now, it is this configuration's, and news */
	if (!r)
		thread->told_state = LEASE_CONNECTING;
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

static struct order *order_new(enum order_kind kind, size_t places)
{
	struct order *order = xcalloc(1, sizeof(*order) + places * sizeof(order->places[0]));

	order->kind = kind;
	return order;
}

bool lease_thread_wish(struct lease_thread *thread, const struct lease_wish *wish)
{
	struct order *order;

	if (!mailbox_has_room(thread->orders))
		return false;
	order = order_new(ORDER_WISH, wish->place_count);
	order->wish = *wish;
	if (wish->preferred_node) {
		node_name_copy(order->preferred, wish->preferred_node);
		order->wish.preferred_node = order->preferred;
	}
	if (wish->place_count)
		memcpy(order->places, wish->places, wish->place_count * sizeof(order->places[0]));
	order->wish.places = order->places;
	return order_send(thread, order);
}

bool lease_thread_settled(struct lease_thread *thread)
{
	return order_send(thread, order_new(ORDER_SETTLED, 0));
}

bool lease_thread_check(struct lease_thread *thread, const struct entry_key *key)
{
	struct order *order = order_new(ORDER_CHECK, 0);

	order->key = *key;
	return order_send(thread, order);
}

static void call_drain(struct lease_thread *thread, struct call *call)
{
	thread->draining = *(const bool *)call->in;
	lease_manager_drain(thread->manager, thread->draining || thread->hung);
}

void lease_thread_drain(struct lease_thread *thread, bool drain)
{
	call(thread, &(struct call){ .run = call_drain, .in = &drain });
}

static void call_stop(struct lease_thread *thread, struct call *call)
{
	(void)call;
	lease_manager_stop(thread->manager);
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

	call->result = lease_manager_move(thread->manager, move->address, move->node, call->err);
}

int lease_thread_move(struct lease_thread *thread, const struct address *address, const char *node,
		      struct err *err)
{
	const struct move move = { address, node };

	return call(thread, &(struct call){ .run = call_move, .in = &move, .err = err });
}

static void call_info(struct lease_thread *thread, struct call *call)
{
	call->result = lease_manager_info(thread->manager, call->in, call->out);
}

int lease_thread_info(struct lease_thread *thread, const struct address *address,
		      struct lease_info *ret_info)
{
	return call(thread, &(struct call){ .run = call_info, .in = address, .out = ret_info });
}

static void call_present(struct lease_thread *thread, struct call *call)
{
	call->result = keeper_present(thread->keeper, call->in);
}

int lease_thread_present(struct lease_thread *thread, const struct address *address)
{
	return call(thread, &(struct call){ .run = call_present, .in = address });
}

static void call_follow(struct lease_thread *thread, struct call *call)
{
	(void)call;
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

	lease_manager_status(thread->manager, &status->lease);
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
