// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc.h"
#include "loop.h"
#include "store_base.h"

/* Minimum time between two reported causes: servers that fail in turn, each for its own reason,
 * don't flood the log. */
#define CAUSE_USEC UINT64_C(10000000)
#define DIGITS	   "0123456789"

static uint64_t base_now_usec(const struct store_base *base)
{
	uint64_t now = 0;

	sd_event_now(base->event, CLOCK_MONOTONIC, &now);
	return now;
}

/* Causes that differ only in numbers ("after 5001 milliseconds") are the same. */
static bool equal_but_for_numbers(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, DIGITS);
		b += strspn(b, DIGITS);
		if (!*a || *a != *b)
			return *a == *b;
	}
}

/* Has the stream shown no change since trouble of twice lag_ns ago? */
static bool is_deaf(struct store_base *base, uint64_t now)
{
	if (!base->quiet_usec || base->changes != base->quiet_changes) {
		base->quiet_changes = base->changes;
		base->quiet_usec = now;
	}
	return now >= base->quiet_usec + 2 * base->lag_ns / 1000;
}

void store_trouble(struct store_base *base, const char *kind, const char *server, const char *why)
{
	uint64_t now = base_now_usec(base);
	bool deaf = is_deaf(base, now);
	bool answers = base->answered_usec && now < base->answered_usec + base->lag_ns / 1000;
	char text[1024];

	if (answers && (!deaf || now < base->trouble_usec + CAUSE_USEC))
		return;
	if (*base->trouble &&
	    (now < base->trouble_usec + CAUSE_USEC || equal_but_for_numbers(base->trouble, why)))
		return;
	base->trouble_usec = now;
	base->deaf = deaf;
	snprintf(base->trouble, sizeof(base->trouble), "%s", why);
	snprintf(text, sizeof(text), "%s at %s: %s", kind, server, why);
	base->events->reachable(text, base->userdata);
}

void store_full(struct store_base *base, char text[HTTP_TROUBLE_MAX])
{
	base->full_usec = base_now_usec(base);
	base->answered_usec = 0; /* so that store_trouble() reports this despite a recent answer */
	snprintf(text, HTTP_TROUBLE_MAX,
		 "it shows more than %d nodes, or %d addresses besides those wanted here",
		 STORE_NODES_MAX, STORE_CLAIMS_MAX);
}

void store_answered(struct store_base *base)
{
	bool known = base->answered_usec && !*base->trouble;
	uint64_t now = base_now_usec(base);

	/* it answers but still shows too much: don't report a recovery at each attempt */
	if (base->full_usec && now < base->full_usec + 6 * STORE_FULL_USEC)
		return;
	base->answered_usec = now;
	/* this isn't what the trouble is about */
	if (base->deaf && base->changes == base->quiet_changes)
		return;
	base->deaf = false;
	if (known)
		return;
	*base->trouble = '\0';
	base->events->reachable(NULL, base->userdata);
}

static void lag_arm(struct store_base *base)
{
	base->expected_progress = base->progress;
	loop_timer_after(base->lag, base->lag_ns / 1000);
}

/* Has the stream reached the awaited revision? If not, its server or the stream is cut off. */
static int on_lag(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct store_base *base = userdata;
	bool again = base->lagged_revision == base->revision;

	if (!base->following || base->listing || base->revision >= base->awaited)
		return 0;
	/* it is busy, not stuck: wait again */
	if (base->progress != base->expected_progress) {
		lag_arm(base);
		return 0;
	}
	base->lagged_revision = base->revision;
	base->lags(base, again);
	return 0;
}

bool store_hides(struct store_base *base)
{
	if (!base->following || base->listing || base->lagged_revision == base->revision)
		return false;
	base->lagged_revision = base->revision;
	return true;
}

void store_expect(struct store_base *base, uint64_t revision)
{
	if (revision <= base->revision || base->listing || loop_timer_is_on(base->lag))
		return;
	base->awaited = revision;
	lag_arm(base);
}

static void swap_free(struct store_swap *swap)
{
	if (swap->previous)
		swap->previous->next = swap->next;
	else
		swap->base->swaps = swap->next;
	if (swap->next)
		swap->next->previous = swap->previous;
	http_cancel(swap->call);
	free(swap);
}

void store_swap_end(struct store_swap *swap, int result)
{
	struct store_base *base = swap->base;
	struct record record = swap->record;

	swap_free(swap);
	base->events->swapped(&record, result, base->userdata);
}

static void base_swap(struct store *store, const struct record *record)
{
	struct store_base *base = (struct store_base *)store;
	struct store_swap *swap = xcalloc(1, sizeof(*swap));

	*swap = (struct store_swap){ .next = base->swaps, .base = base, .record = *record };
	if (base->swaps)
		base->swaps->previous = swap;
	base->swaps = swap;
	base->send(swap);
}

void store_base_close(struct store_base *base)
{
	while (base->swaps)
		swap_free(base->swaps);
	sd_event_source_disable_unref(base->lag);
	sd_event_unref(base->event);
}

int store_base_init(struct store_base *base, sd_event *event, uint64_t lag_ns,
		    const struct store_events *events, void *userdata, struct err *err)
{
	int r;

	base->store.swap = base_swap;
	base->event = sd_event_ref(event);
	base->events = events;
	base->userdata = userdata;
	base->listing = true;
	base->lag_ns = lag_ns;
	r = loop_timer_new(event, LOOP_NEVER, on_lag, base, &base->lag);
	return r < 0 ? err_set(err, r, "a timer can't be made: %s", strerror(-r)) : 0;
}
