// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs in the lease thread besides the lease machine: orders, calls, news, and the watchdog of the
 * main loop. */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "lease_thread_state.h"
#include "log.h"
#include "loop.h"

/* Retry interval when the main loop has no room for news. */
#define NEWS_RETRY_USEC 5000
/* Time allowed for writing the last log line. */
#define FLUSH_USEC 500000
/* How often the lease thread checks that the main loop is alive. */
#define WATCH_NS 500000000ULL

/* ---- orders and calls ---- */

static void order_run(struct lease_thread *thread, struct order *order)
{
	const struct lease_wish *wish = &order->wish;
	struct lease_preference preference = { wish->group, wish->last_resort, wish->service };

	keeper_place(thread->keeper, wish);
	if (wish->wanted)
		lease_machine_want(thread->machine, &wish->address, &preference);
	else
		lease_machine_unwant(thread->machine, &wish->address);
}

static int on_orders(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct lease_thread *thread = userdata;
	uint64_t begun_ns = clock_boot_ns();
	struct order *order;

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

/* Orders to compare with the machine's state, now that it has all earlier wishes. */
static int on_late(sd_event_source *source, void *userdata)
{
	struct lease_thread *thread = userdata;
	uint64_t begun_ns = clock_boot_ns();

	while (thread->late && loop_may_go_on(begun_ns)) {
		struct order *order = thread->late;

		thread->late = order->next;
		if (order->kind == ORDER_CHECK)
			keeper_check(thread->keeper, &order->key);
		/* a machine that began since has yet to get its wishes */
		else if (order->configuration == thread->configuration)
			lease_machine_settled(thread->machine);
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

	mailbox_seen(thread->calls);
	while ((call = mailbox_take(thread->calls))) {
		call->run(thread, call);
		sem_post(&call->done);
	}
	return 0;
}

/* ---- news ---- */

static int on_news_work(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lease_thread *thread = userdata;
	uint64_t begun_ns = clock_boot_ns();
	struct lease_news *news;

	while (mailbox_has_room(thread->news) && loop_may_go_on(begun_ns)) {
		news = keeper_news(thread->keeper);
		if (!news)
			return 0;
		mailbox_post(thread->news, news);
	}
	return loop_timer_after(source, mailbox_has_room(thread->news) ? 0 : NEWS_RETRY_USEC);
}

static void on_news(void *userdata)
{
	struct lease_thread *thread = userdata;

	if (!loop_timer_is_on(thread->news_work))
		loop_timer_after(thread->news_work, 0);
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

static void on_owners(void *userdata)
{
	struct lease_thread *thread = userdata;

	atomic_store(&thread->owners, true);
	mailbox_again(thread->news);
}

const struct keeper_events lease_loop_events = { on_news, on_maps, on_state, on_owners };

/* ---- is the main loop alive? ---- */

/* How long the main loop was silent while this thread ran: a stopped process or a suspended machine
 * doesn't count as hung. */
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

	if (hung != thread->hung) {
		if (hung)
			log_say(LOG_ERR, "the agent has hung for %llu s: giving up all addresses",
				(unsigned long long)(silent_ns / CLOCK_NS_PER_S));
		else
			log_say(LOG_NOTICE, "the agent goes on, and takes part again");
		thread->hung = hung;
		if (thread->machine)
			lease_machine_drain(thread->machine, hung || thread->draining);
	}
	keeper_tick(thread->keeper);
	if (!hung)
		systemd_alive(thread->systemd);
	return loop_timer_after(source, WATCH_NS / 1000);
}

/* ---- its life ---- */

void *lease_loop_main(void *userdata)
{
	struct lease_thread *thread = userdata;
	int r;

	prctl(PR_SET_NAME, "lease");
	log_only_keep();
	r = loop_run(thread->event, &thread->times);
	if (r < 0) {
		/* no renewals from here on; the data path's fence makes that safe */
		log_say(LOG_ERR, "the lease thread's event loop: %s", strerror(-r));
		log_flush(FLUSH_USEC);
		_exit(EXIT_FAILURE);
	}
	return NULL;
}

static int prioritize(sd_event_source *source, int64_t priority)
{
	return sd_event_source_set_priority(source, SD_EVENT_PRIORITY_NORMAL + priority);
}

/* Priorities: renewals first, then orders, then entries and news. */
int lease_loop_add(struct lease_thread *thread)
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
		r = loop_timer_new(event, LOOP_NEVER, on_news_work, thread, &thread->news_work);
	if (r >= 0)
		r = prioritize(thread->news_work, 2);
	if (r >= 0)
		r = loop_timer_new(event, WATCH_NS / 1000, on_watch, thread, &watch);
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
