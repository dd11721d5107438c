// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "lease_keeper_state.h"
#include "loop.h"

/* Delay before a failed write is retried. */
#define RETRY_USEC 20000

static struct kept *kept_find(const struct keeper *keeper, const struct address *address)
{
	struct kept *kept;

	HASH_FIND(hh, keeper->kept, address, sizeof(*address), kept);
	return kept;
}

struct kept *kept_get(struct keeper *keeper, const struct address *address)
{
	struct kept *kept = kept_find(keeper, address);

	if (kept)
		return kept;
	kept = xcalloc(1, sizeof(*kept));
	kept->address = *address;
	HASH_ADD(hh, keeper->kept, address, sizeof(kept->address), kept);
	return kept;
}

static void kept_free(struct keeper *keeper, struct kept *kept)
{
	HASH_DEL(keeper->kept, kept);
	free(kept->places);
	free(kept);
}

void keeper_write_later(struct keeper *keeper, struct kept *kept)
{
	if (kept->in_backlog)
		return;
	kept->in_backlog = true;
	kept->next_in_backlog = NULL;
	*keeper->backlog.last = kept;
	keeper->backlog.last = &kept->next_in_backlog;
	loop_timer_after(keeper->work, 0);
}

void keeper_notify_later(struct keeper *keeper, struct kept *kept)
{
	if (kept->in_news)
		return;
	kept->in_news = true;
	kept->next_in_news = NULL;
	*keeper->news.last = kept;
	keeper->news.last = &kept->next_in_news;
	keeper->events.news(keeper->userdata);
}

static struct kept_place *place_find(const struct kept *kept, uint32_t ifindex)
{
	for (size_t i = 0; i < kept->place_count; i++)
		if (kept->places[i].at.ifindex == ifindex)
			return &kept->places[i];
	return NULL;
}

static struct kept_place *place_get(struct kept *kept, uint32_t ifindex)
{
	struct kept_place *place = place_find(kept, ifindex);

	if (place)
		return place;
	kept->places = xreallocarray(kept->places, kept->place_count + 1, sizeof(*kept->places));
	place = &kept->places[kept->place_count++];
	*place = (struct kept_place){ .at.ifindex = ifindex };
	return place;
}

void kept_place_set(struct keeper *keeper, struct kept_place *place, enum lease_place_state state)
{
	keeper->figures.present -= place->state == PLACE_THERE;
	keeper->figures.by_hand -= place->state == PLACE_BY_HAND;
	place->state = state;
	place->unchecked = false;
	keeper->figures.present += place->state == PLACE_THERE;
	keeper->figures.by_hand += place->state == PLACE_BY_HAND;
}

/* Forgets @kept's places that are gone, and @kept where nothing of it is left. */
static void kept_prune(struct keeper *keeper, struct kept *kept)
{
	size_t left = 0;

	for (size_t i = 0; i < kept->place_count; i++) {
		struct kept_place *place = &kept->places[i];

		place->entered = place->removed = false;
		if (place->wanted || place->state == PLACE_THERE)
			kept->places[left++] = *place;
		else
			kept_place_set(keeper, place, PLACE_ABSENT);
	}
	kept->place_count = left;
	if (!left && !kept->slot && !kept->in_backlog)
		kept_free(keeper, kept);
}

static bool place_has_entry(const struct kept_place *place)
{
	return !place->unchecked && (place->state == PLACE_THERE || place->state == PLACE_BY_HAND);
}

/* ---- writing ---- */

static void log_repaired(struct keeper *keeper, const struct entry_key *key, const char *what)
{
	char ip[INET6_ADDRSTRLEN];

	keeper->figures.drift++;
	log_limited(&keeper->limits[KEEPER_LOG_REPAIRED], LOG_WARNING,
		    "repaired: %s on interface %u was not as it was left; %s",
		    address_format(&key->address, ip), key->ifindex, what);
}

static int place_write(struct keeper *keeper, struct kept *kept, struct kept_place *place)
{
	static const enum lease_place_state states[] = {
		[LEASED_PRESENT] = PLACE_THERE,
		[LEASED_ADDED] = PLACE_THERE,
		[LEASED_CHANGED] = PLACE_THERE,
		[LEASED_BY_HAND] = PLACE_BY_HAND,
	};
	struct entry_row row = { .key = { kept->address, place->at.ifindex },
				 .head.lease = kept->slot };
	enum leased_put done;
	struct err err;
	int r;

	memcpy(row.head.mac, place->at.mac, ETH_ALEN);
	row.head.flags = place->at.flags;
	kept->clean = false;
	r = leased_put(keeper->leased, &row, &done, &err);
	if (r == -E2BIG)
		kept_place_set(keeper, place, PLACE_NO_ROOM);
	if (r == -E2BIG && !keeper->notified_full) {
		keeper->notified_full = true;
		keeper->events.maps(true, keeper->userdata);
	}
	if (r < 0 && r != -E2BIG && r != -EAGAIN)
		log_limited(&keeper->limits[KEEPER_LOG_FAILED], LOG_ERR, "%s", err.text);
	if (r < 0)
		return r;
	kept_place_set(keeper, place, states[done]);
	place->entered = place->entered || done == LEASED_ADDED || done == LEASED_CHANGED;
	return done;
}

/* Deletes the entry of @kept on @ifindex. */
static int entry_remove(struct keeper *keeper, struct kept *kept, uint32_t ifindex)
{
	const struct entry_key key = { kept->address, ifindex };
	struct kept_place *place = place_find(kept, ifindex);
	struct err err;
	int r = leased_remove(keeper->leased, &key, &err);

	if (r < 0) {
		log_limited(&keeper->limits[KEEPER_LOG_FAILED], LOG_ERR, "%s", err.text);
		return r;
	}
	if (r)
		place = place_get(kept, ifindex);
	if (place) {
		kept_place_set(keeper, place, PLACE_ABSENT);
		place->removed = place->removed || r;
		keeper_notify_later(keeper, kept);
	}
	return r;
}

/* Do the deletions since then count? -EAGAIN: they are to be done again, in the maps that are
 * pinned by now. */
static int gone(struct keeper *keeper)
{
	struct err err;
	int r = leased_gone(keeper->leased, &err);

	if (r == -EAGAIN) {
		keeper_follow(keeper);
		/* the process that replaces the maps may have been killed */
		keeper->events.maps(false, keeper->userdata);
	} else if (r < 0) {
		log_limited(&keeper->limits[KEEPER_LOG_FAILED], LOG_ERR, "%s", err.text);
	}
	return r;
}

/* Deletes the entries of @kept wherever one may be. */
int keeper_remove_all(struct keeper *keeper, struct kept *kept)
{
	size_t count;
	const uint32_t *devices = leased_devices(keeper->leased, &count);
	int r = 0;

	for (size_t i = 0; i < kept->place_count && r >= 0; i++)
		r = entry_remove(keeper, kept, kept->places[i].at.ifindex);
	/* entries of an earlier process, or written by somebody else */
	for (size_t i = 0; i < count && r >= 0; i++)
		if (!place_find(kept, devices[i]))
			r = entry_remove(keeper, kept, devices[i]);
	return r < 0 ? r : gone(keeper);
}

/* Deletes the entries of @kept where none is wanted any more. */
static int kept_clear(struct keeper *keeper, struct kept *kept)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < kept->place_count && r >= 0; i++) {
		if (kept->places[i].wanted || kept->places[i].state != PLACE_THERE)
			continue;
		any = true;
		r = entry_remove(keeper, kept, kept->places[i].at.ifindex);
	}
	return r < 0 || !any ? r : gone(keeper);
}

/* Writes what is missing of @kept, and deletes what isn't wanted any more. */
static int kept_write(struct keeper *keeper, struct kept *kept)
{
	int failed = kept_clear(keeper, kept);

	for (size_t i = 0; i < kept->place_count && kept->slot; i++) {
		struct kept_place *place = &kept->places[i];
		int r = 0;

		if (!place->wanted || place_has_entry(place))
			continue;
		r = place_write(keeper, kept, place);
		keeper_notify_later(keeper, kept);
		/* -E2BIG isn't retried: only replaced maps have more room */
		failed = r < 0 && r != -E2BIG ? r : failed;
	}
	return failed;
}

static void say_by_hand(struct keeper *keeper)
{
	size_t by_hand = keeper->figures.by_hand;

	if (by_hand && by_hand != keeper->logged_by_hand)
		log_say(LOG_NOTICE, "%zu address%s added by hand as well, and left alone", by_hand,
			by_hand == 1 ? " is" : "es are");
	keeper->logged_by_hand = by_hand;
}

static int on_work(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct keeper *keeper = userdata;
	uint64_t begun_ns = clock_boot_ns();
	struct kept *kept;

	/* the program may use other maps than the pinned ones */
	if (keeper->backlog.first && gone(keeper) < 0) {
		loop_timer_after(keeper->work, RETRY_USEC);
		return 0;
	}
	while ((kept = keeper->backlog.first)) {
		keeper->backlog.first = kept->next_in_backlog;
		if (!keeper->backlog.first)
			keeper->backlog.last = &keeper->backlog.first;
		kept->in_backlog = false;
		if (kept_write(keeper, kept) < 0) {
			keeper_write_later(keeper, kept);
			loop_timer_after(keeper->work, RETRY_USEC);
			return 0;
		}
		/* else once that is reported */
		if (!kept->in_news)
			kept_prune(keeper, kept);
		if (keeper->backlog.first && !loop_may_go_on(begun_ns)) {
			loop_timer_after(keeper->work, 0);
			return 0;
		}
	}
	say_by_hand(keeper);
	return 0;
}

/* ---- what the rest of the agent asks for ---- */

void keeper_place(struct keeper *keeper, const struct lease_wish *wish)
{
	struct kept *kept = kept_find(keeper, &wish->address);

	if (!kept && !wish->place_count)
		return;
	kept = kept_get(keeper, &wish->address);
	kept->why = wish->why;
	for (size_t i = 0; i < kept->place_count; i++)
		kept->places[i].wanted = false;
	for (size_t i = 0; i < wish->place_count; i++) {
		struct kept_place *place = place_get(kept, wish->places[i].ifindex);

		place->wanted = true;
		if (memcmp(&place->at, &wish->places[i], sizeof(place->at)) != 0 &&
		    place->state == PLACE_THERE)
			place->unchecked = true;
		place->at = wish->places[i];
	}
	keeper_write_later(keeper, kept);
}

void keeper_check(struct keeper *keeper, const struct entry_key *key)
{
	struct kept *kept = kept_find(keeper, &key->address);
	struct kept_place *place = kept ? place_find(kept, key->ifindex) : NULL;
	struct err err;
	int r;

	if (!kept || !kept->slot || !place || !place->wanted) {
		/* no matter who wrote it. A claim held without a wish is from before a restart;
		 * the agent doesn't ask to check its entries yet */
		r = leased_remove(keeper->leased, key, &err);
		if (r > 0)
			log_repaired(keeper, key, "deleted");
		if (r > 0 && place)
			kept_place_set(keeper, place, PLACE_ABSENT);
		return;
	}
	if (!place_has_entry(place)) {
		keeper_write_later(keeper, kept);
		return;
	}
	r = place_write(keeper, kept, place);
	if (r == LEASED_ADDED || r == LEASED_CHANGED)
		log_repaired(keeper, key, r == LEASED_ADDED ? "added" : "changed");
	keeper_notify_later(keeper, kept);
	say_by_hand(keeper);
}

int keeper_present(struct keeper *keeper, const struct address *address)
{
	struct entry_key key = { .address = *address };
	size_t count;
	const uint32_t *devices = leased_devices(keeper->leased, &count);
	struct err err;
	int r = 0;

	for (size_t i = 0; i < count && !r; i++) {
		key.ifindex = devices[i];
		r = leased_has(keeper->leased, &key, &err);
	}
	if (r < 0)
		log_limited(&keeper->limits[KEEPER_LOG_FAILED], LOG_ERR, "%s", err.text);
	return r;
}

struct lease_news *keeper_news(struct keeper *keeper)
{
	struct kept *kept = keeper->news.first;
	struct lease_news *news;

	if (!kept)
		return NULL;
	keeper->news.first = kept->next_in_news;
	if (!keeper->news.first)
		keeper->news.last = &keeper->news.first;
	kept->in_news = false;
	news = xcalloc(1, sizeof(*news) + kept->place_count * sizeof(news->places[0]));
	news->address = kept->address;
	news->slot = kept->slot;
	for (size_t i = 0; i < kept->place_count; i++) {
		const struct kept_place *place = &kept->places[i];

		news->places[i].ifindex = place->at.ifindex;
		news->places[i].state = place->unchecked ? PLACE_ABSENT : place->state;
		news->places[i].entered = place->entered;
		news->places[i].removed = place->removed;
	}
	news->place_count = kept->place_count;
	kept_prune(keeper, kept);
	return news;
}

void keeper_tick(struct keeper *keeper)
{
	static const int priorities[KEEPER_LOG_COUNT] = {
		[KEEPER_LOG_GAINED] = LOG_INFO,	 [KEEPER_LOG_LOST] = LOG_INFO,
		[KEEPER_LOG_FAILED] = LOG_ERR,	 [KEEPER_LOG_REPAIRED] = LOG_WARNING,
		[KEEPER_LOG_SAID] = LOG_WARNING,
	};

	for (enum keeper_log log = 0; log < KEEPER_LOG_COUNT; log++)
		log_limit_tick(&keeper->limits[log], priorities[log]);
}

void keeper_figures(const struct keeper *keeper, struct lease_entries *ret_figures)
{
	*ret_figures = keeper->figures;
}

/* ---- life ---- */

void keeper_set_machine(struct keeper *keeper, const struct lease_machine *machine)
{
	keeper->machine = machine;
}

void keeper_free(struct keeper *keeper)
{
	struct kept *kept, *next;

	if (!keeper)
		return;
	HASH_ITER(hh, keeper->kept, kept, next)
	kept_free(keeper, kept);
	sd_event_source_disable_unref(keeper->work);
	lease_stamper_free(keeper->stamper);
	leased_close(keeper->leased);
	free(keeper);
}

int keeper_new(sd_event *event, const char *bpffs, const struct keeper_events *events,
	       void *userdata, struct keeper **ret_keeper, struct err *err)
{
	struct keeper *keeper = xcalloc(1, sizeof(*keeper));
	int r;

	keeper->events = *events;
	keeper->userdata = userdata;
	keeper->backlog.last = &keeper->backlog.first;
	keeper->news.last = &keeper->news.first;
	r = leased_open(bpffs, &keeper->leased, err);
	if (!r) {
		r = loop_timer_new(event, LOOP_NEVER, on_work, keeper, &keeper->work);
		/* lower priority than renewals */
		if (r >= 0)
			r = sd_event_source_set_priority(keeper->work,
							 SD_EVENT_PRIORITY_NORMAL + 1);
		if (r < 0)
			err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	if (r < 0) {
		keeper_free(keeper);
		return r;
	}
	*ret_keeper = keeper;
	return 0;
}
