// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "alloc.h"
#include "clock.h"
#include "l2resp.h"
#include "lease_keeper.h"
#include "lease_stamp.h"
#include "leased.h"
#include "log.h"
#include "loop.h"

/* What couldn't be written is tried again after that. */
#define RETRY_USEC 20000

struct place {
	struct lease_place at;
	enum lease_place_state state;
	bool wanted;	       /* else its entry is to go, and the place after that */
	bool entered, removed; /* not told of yet */
};

/* An address that is wished for, or whose claim is held. */
struct kept {
	struct address address;
	uint8_t slot; /* its claim is held; 0: it isn't */
	bool clean;   /* there is no entry of it in the map */
	bool in_backlog, in_news;
	struct kept *next_in_backlog, *next_in_news;
	struct place *places;
	size_t place_count;
	UT_hash_handle hh;
};

struct kept_queue {
	struct kept *first, **last;
};

struct keeper {
	struct leased *leased;
	struct lease_stamper *stamper;
	uint64_t renewal_ns;
	const struct lease_manager *manager;
	struct keeper_events events;
	void *userdata;
	sd_event_source *work;
	struct kept *kept;	   /* by address */
	struct kept_queue backlog; /* entries are to be written, or deleted */
	struct kept_queue news;
	struct lease_entries figures;
	bool told_full;
	size_t told_by_hand;
	struct log_limit gained, lost, failed, repaired;
};

static struct kept *kept_find(const struct keeper *keeper, const struct address *address)
{
	struct kept *kept;

	HASH_FIND(hh, keeper->kept, address, sizeof(*address), kept);
	return kept;
}

static struct kept *kept_get(struct keeper *keeper, const struct address *address)
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

static void plan(struct keeper *keeper, uint64_t usec)
{
	sd_event_source_set_time_relative(keeper->work, usec);
	sd_event_source_set_enabled(keeper->work, SD_EVENT_ONESHOT);
}

static void to_backlog(struct keeper *keeper, struct kept *kept)
{
	if (kept->in_backlog)
		return;
	kept->in_backlog = true;
	kept->next_in_backlog = NULL;
	*keeper->backlog.last = kept;
	keeper->backlog.last = &kept->next_in_backlog;
	plan(keeper, 0);
}

static void to_news(struct keeper *keeper, struct kept *kept)
{
	if (kept->in_news)
		return;
	kept->in_news = true;
	kept->next_in_news = NULL;
	*keeper->news.last = kept;
	keeper->news.last = &kept->next_in_news;
	keeper->events.news(keeper->userdata);
}

static struct place *place_find(const struct kept *kept, uint32_t ifindex)
{
	for (size_t i = 0; i < kept->place_count; i++)
		if (kept->places[i].at.ifindex == ifindex)
			return &kept->places[i];
	return NULL;
}

static struct place *place_get(struct kept *kept, uint32_t ifindex)
{
	struct place *place = place_find(kept, ifindex);

	if (place)
		return place;
	kept->places = xreallocarray(kept->places, kept->place_count + 1, sizeof(*kept->places));
	place = &kept->places[kept->place_count++];
	*place = (struct place){ .at.ifindex = ifindex };
	return place;
}

static void place_set(struct keeper *keeper, struct place *place, enum lease_place_state state)
{
	keeper->figures.present -= place->state == PLACE_THERE;
	keeper->figures.by_hand -= place->state == PLACE_BY_HAND;
	place->state = state;
	keeper->figures.present += place->state == PLACE_THERE;
	keeper->figures.by_hand += place->state == PLACE_BY_HAND;
}

/* ---- writing ---- */

static void log_repaired(struct keeper *keeper, const struct entry_key *key, const char *what)
{
	char ip[INET6_ADDRSTRLEN];

	keeper->figures.drift++;
	log_limited(&keeper->repaired, LOG_WARNING,
		    "repaired: %s on interface %u was not as it was left; %s",
		    address_format(&key->address, ip), key->ifindex, what);
}

static int place_write(struct keeper *keeper, struct kept *kept, struct place *place)
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
	kept->clean = false;
	r = leased_put(keeper->leased, &row, &done, &err);
	if (r == -E2BIG && !keeper->told_full) {
		keeper->told_full = true;
		keeper->events.maps(true, keeper->userdata);
	}
	if (r < 0 && r != -E2BIG && r != -EAGAIN)
		log_limited(&keeper->failed, LOG_ERR, "%s", err.text);
	if (r < 0)
		return r;
	place_set(keeper, place, states[done]);
	place->entered = place->entered || done == LEASED_ADDED || done == LEASED_CHANGED;
	return done;
}

/* Deletes the entry of @kept on @ifindex. */
static int entry_remove(struct keeper *keeper, struct kept *kept, uint32_t ifindex)
{
	const struct entry_key key = { kept->address, ifindex };
	struct place *place = place_find(kept, ifindex);
	struct err err;
	int r = leased_remove(keeper->leased, &key, &err);

	if (r < 0) {
		log_limited(&keeper->failed, LOG_ERR, "%s", err.text);
		return r;
	}
	if (r)
		place = place_get(kept, ifindex);
	if (place) {
		place_set(keeper, place, PLACE_ABSENT);
		place->removed = place->removed || r;
	}
	return r;
}

void keeper_follow(struct keeper *keeper)
{
	struct kept *kept, *next;
	struct err err;
	int r = leased_follow(keeper->leased, &err);

	if (r < 0)
		log_limited(&keeper->failed, LOG_ERR, "%s", err.text);
	if (r != 1)
		return;
	keeper->told_full = false;
	HASH_ITER(hh, keeper->kept, kept, next)
	{
		for (size_t i = 0; i < kept->place_count; i++)
			place_set(keeper, &kept->places[i], PLACE_ABSENT);
		kept->clean = false;
		if (kept->slot)
			to_backlog(keeper, kept);
	}
	if (keeper_expect_stamps(keeper, keeper->renewal_ns, &err) < 0)
		log_limited(&keeper->failed, LOG_ERR, "%s", err.text);
}

/* Do the deletions since then count? -EAGAIN: they are to be done again, in the maps that are
 * pinned by now. */
static int gone(struct keeper *keeper)
{
	struct err err;
	int r = leased_gone(keeper->leased, &err);

	if (r == -EAGAIN) {
		keeper_follow(keeper);
		/* who replaces them may have been killed */
		keeper->events.maps(false, keeper->userdata);
	} else if (r < 0) {
		log_limited(&keeper->failed, LOG_ERR, "%s", err.text);
	}
	return r;
}

/* Deletes the entries of @kept wherever one may be. */
static int remove_all(struct keeper *keeper, struct kept *kept)
{
	size_t count;
	const uint32_t *devices = leased_devices(keeper->leased, &count);
	int r = 0;

	for (size_t i = 0; i < kept->place_count && r >= 0; i++)
		r = entry_remove(keeper, kept, kept->places[i].at.ifindex);
	/* of a process before, or somebody's who put it there */
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
	if (!any)
		return 0;
	to_news(keeper, kept);
	return r < 0 ? r : gone(keeper);
}

/* Writes what is missing of @kept, and deletes what isn't wanted any more. */
static int kept_write(struct keeper *keeper, struct kept *kept)
{
	int failed = kept_clear(keeper, kept);

	for (size_t i = 0; i < kept->place_count && kept->slot; i++) {
		struct place *place = &kept->places[i];
		int r = 0;

		if (!place->wanted || place->state != PLACE_ABSENT)
			continue;
		r = place_write(keeper, kept, place);
		to_news(keeper, kept);
		/* once there is room the maps are others */
		failed = r < 0 && r != -E2BIG ? r : failed;
	}
	return failed;
}

static void say_by_hand(struct keeper *keeper)
{
	size_t by_hand = keeper->figures.by_hand;

	if (by_hand && by_hand != keeper->told_by_hand)
		log_say(LOG_NOTICE, "%zu address%s added by hand as well, and left alone", by_hand,
			by_hand == 1 ? " is" : "es are");
	keeper->told_by_hand = by_hand;
}

static int on_work(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct keeper *keeper = userdata;
	uint64_t begun_ns = clock_boot_ns();
	struct kept *kept;

	(void)source;
	(void)usec;
	/* the program may read others than are pinned */
	if (keeper->backlog.first && gone(keeper) < 0) {
		plan(keeper, RETRY_USEC);
		return 0;
	}
	while ((kept = keeper->backlog.first)) {
		keeper->backlog.first = kept->next_in_backlog;
		if (!keeper->backlog.first)
			keeper->backlog.last = &keeper->backlog.first;
		kept->in_backlog = false;
		if (kept_write(keeper, kept) < 0) {
			to_backlog(keeper, kept);
			plan(keeper, RETRY_USEC);
			return 0;
		}
		if (keeper->backlog.first && !loop_may_go_on(begun_ns)) {
			plan(keeper, 0);
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
	for (size_t i = 0; i < kept->place_count; i++)
		kept->places[i].wanted = false;
	for (size_t i = 0; i < wish->place_count; i++) {
		struct place *place = place_get(kept, wish->places[i].ifindex);

		place->wanted = true;
		if (memcmp(place->at.mac, wish->places[i].mac, ETH_ALEN) != 0 &&
		    place->state == PLACE_THERE)
			place_set(keeper, place, PLACE_ABSENT);
		place->at = wish->places[i];
	}
	to_backlog(keeper, kept);
}

void keeper_check(struct keeper *keeper, const struct entry_key *key)
{
	struct kept *kept = kept_find(keeper, &key->address);
	struct place *place = kept ? place_find(kept, key->ifindex) : NULL;
	struct err err;
	int r;

	if (!kept || !kept->slot || !place || !place->wanted) {
		/* by whoever: a claim that is held without a wish is one of before a restart, whose
		 * entries the rest of the agent doesn't ask about yet */
		r = leased_remove(keeper->leased, key, &err);
		if (r > 0)
			log_repaired(keeper, key, "deleted");
		if (r > 0 && place)
			place_set(keeper, place, PLACE_ABSENT);
		return;
	}
	if (place->state == PLACE_ABSENT) {
		to_backlog(keeper, kept);
		return;
	}
	r = place_write(keeper, kept, place);
	if (r == LEASED_ADDED || r == LEASED_CHANGED)
		log_repaired(keeper, key, r == LEASED_ADDED ? "added" : "changed");
	to_news(keeper, kept);
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
		log_limited(&keeper->failed, LOG_ERR, "%s", err.text);
	return r;
}

/* Forgets @kept's places that are gone, and @kept where nothing of it is left. */
static void kept_prune(struct keeper *keeper, struct kept *kept)
{
	size_t left = 0;

	for (size_t i = 0; i < kept->place_count; i++) {
		struct place *place = &kept->places[i];

		place->entered = place->removed = false;
		if (place->wanted || place->state == PLACE_THERE)
			kept->places[left++] = *place;
		else
			place_set(keeper, place, PLACE_ABSENT);
	}
	kept->place_count = left;
	if (!left && !kept->slot && !kept->in_backlog)
		kept_free(keeper, kept);
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
		const struct place *place = &kept->places[i];

		news->places[i].ifindex = place->at.ifindex;
		news->places[i].state = place->state;
		news->places[i].entered = place->entered;
		news->places[i].removed = place->removed;
	}
	news->place_count = kept->place_count;
	kept_prune(keeper, kept);
	return news;
}

void keeper_figures(const struct keeper *keeper, struct lease_entries *ret_figures)
{
	*ret_figures = keeper->figures;
}

/* ---- the lease manager's callbacks ---- */

static void on_gained(const struct address *address, uint8_t slot, void *userdata)
{
	struct keeper *keeper = userdata;
	struct kept *kept = kept_get(keeper, address);
	char ip[INET6_ADDRSTRLEN];

	log_limited(&keeper->gained, LOG_INFO, "%s: held", address_format(address, ip));
	/* what is there by now is for the map to say */
	for (size_t i = 0; i < kept->place_count; i++)
		place_set(keeper, &kept->places[i], PLACE_ABSENT);
	kept->slot = slot;
	to_backlog(keeper, kept);
	to_news(keeper, kept);
}

static int on_lost(const struct address *address, enum lease_loss reason, void *userdata)
{
	struct keeper *keeper = userdata;
	struct kept *kept = kept_get(keeper, address);
	char ip[INET6_ADDRSTRLEN];
	int r = 0;

	if (!kept->clean)
		r = remove_all(keeper, kept);
	if (r == -EAGAIN)
		r = remove_all(keeper, kept);
	if (r < 0)
		return r;
	kept->clean = true;
	kept->slot = 0;
	log_limited(&keeper->lost, LOG_INFO, "%s: given up: %s", address_format(address, ip),
		    lease_loss_names[reason]);
	to_news(keeper, kept);
	return 0;
}

static bool is_held(const struct address *address, uint8_t slot, void *userdata)
{
	const struct keeper *keeper = userdata;

	return lease_manager_holds(keeper->manager, address) == slot;
}

static int on_purge(void *userdata)
{
	struct keeper *keeper = userdata;
	struct kept *kept, *next;
	struct err err;
	int r = leased_purge(keeper->leased, is_held, keeper, &err);

	if (r == -EAGAIN) {
		keeper_follow(keeper);
		keeper->events.maps(false, keeper->userdata);
	}
	if (r < 0) {
		log_limited(&keeper->failed, LOG_ERR, "%s", err.text);
		return r;
	}
	HASH_ITER(hh, keeper->kept, kept, next)
	{
		if (kept->slot &&
		    lease_manager_holds(keeper->manager, &kept->address) == kept->slot)
			continue;
		kept->clean = true;
		for (size_t i = 0; i < kept->place_count; i++) {
			struct place *place = &kept->places[i];

			place->removed = place->removed || place->state == PLACE_THERE;
			if (place->state == PLACE_THERE)
				place_set(keeper, place, PLACE_ABSENT);
		}
	}
	return 0;
}

static int on_present(const struct address *address, void *userdata)
{
	return keeper_present(userdata, address);
}

static int on_stamp(uint8_t slot, uint64_t deadline_ns, void *userdata)
{
	struct keeper *keeper = userdata;
	struct err err;
	int r;

	/* a stamp in a map that isn't pinned any more does no harm */
	keeper_follow(keeper);
	r = lease_stamp_write(keeper->stamper, slot, deadline_ns, &err);
	if (r < 0)
		log_limited(&keeper->failed, LOG_ERR, "%s", err.text);
	return r;
}

static uint64_t on_stamped(uint8_t slot, void *userdata)
{
	const struct keeper *keeper = userdata;

	return lease_stamp_read(leased_stamps_fd(keeper->leased), slot);
}

static void on_changed(const struct address *address, void *userdata)
{
	(void)address;
	(void)userdata;
}

static void on_state(enum lease_state state, const char *text, void *userdata)
{
	struct keeper *keeper = userdata;

	log_say(state == LEASE_NAME_TAKEN ? LOG_ERR : LOG_NOTICE, "lease: %s: %s",
		lease_state_names[state], text);
	keeper->events.state(state, keeper->userdata);
}

static void on_log(int priority, const char *text, void *userdata)
{
	(void)userdata;
	log_say(priority, "lease: %s", text);
}

const struct lease_callbacks keeper_callbacks = {
	.gained = on_gained,
	.lost = on_lost,
	.purge = on_purge,
	.present = on_present,
	.stamp = on_stamp,
	.stamped = on_stamped,
	.changed = on_changed,
	.state = on_state,
	.log = on_log,
};

/* ---- life ---- */

int keeper_expect_stamps(struct keeper *keeper, uint64_t renewal_ns, struct err *err)
{
	struct lease_stamper *stamper;
	/* half as much more, for one that comes late */
	int r = lease_stamper_new(leased_stamps_fd(keeper->leased), renewal_ns + renewal_ns / 2,
				  &stamper, err);

	if (r < 0)
		return r;
	lease_stamper_free(keeper->stamper);
	keeper->stamper = stamper;
	keeper->renewal_ns = renewal_ns;
	return 0;
}

void keeper_set_manager(struct keeper *keeper, const struct lease_manager *manager)
{
	keeper->manager = manager;
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
		r = sd_event_add_time_relative(event, &keeper->work, CLOCK_BOOTTIME, 0, 1, on_work,
					       keeper);
		/* after what renews */
		if (r >= 0)
			r = sd_event_source_set_priority(keeper->work,
							 SD_EVENT_PRIORITY_NORMAL + 1);
		if (r >= 0)
			r = sd_event_source_set_enabled(keeper->work, SD_EVENT_OFF);
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
