// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "hash.h"
#include "log.h"
#include "loop.h"
#include "reconcile.h"
#include "text_hash.h"
#include "virtual_mac.h"

/* Retry interval when the lease thread's mailbox is full. */
#define RETRY_USEC 2000

/* An address known to the lease thread: by a wish, or by its news. */
struct told {
	struct address address;
	uint64_t pass; /* the last one that desired it */
	bool sent;     /* the wish below was sent as it is */
	bool wanted, last_resort;
	struct preferred_group group;
	uint64_t service_hash;
	struct lease_place *places;
	size_t place_count;
	bool filtered; /* an entry has or had another MAC than its interface, as far as is known */
	uint8_t slot;  /* by the news: where its entries are; 0: not held */
	enum reason silent; /* by the news: why it has no entry somewhere, though it is held */
	uint64_t seen;	    /* the last comparison that found entries, and how many */
	size_t seen_count;
	UT_hash_handle hh;
};

struct reconcile {
	struct reconcile_parts parts;
	sd_event_source *work;
	struct told *told; /* by address */
	const struct desired *desired;

	/* the pass over what is desired, then over what was told; UINT64_MAX: none */
	uint64_t pass;
	size_t next;
	struct told *next_told;
	enum {
		PASS_NONE,
		PASS_DESIRED,
		PASS_TOLD,
		PASS_SETTLE,
	} at;
	bool known, settled;
	unsigned int settled_compares;

	struct told *next_refresh;
	struct reconcile_figures figures;
};

static void plan(struct reconcile *reconcile, uint64_t usec)
{
	sd_event_source_set_time_relative(reconcile->work, usec);
	sd_event_source_set_enabled(reconcile->work, SD_EVENT_ONESHOT);
}

static struct told *told_find(const struct reconcile *reconcile, const struct address *address)
{
	struct told *told;

	HASH_FIND(hh, reconcile->told, address, sizeof(*address), told);
	return told;
}

static struct told *told_get(struct reconcile *reconcile, const struct address *address)
{
	struct told *told = told_find(reconcile, address);

	if (told)
		return told;
	told = xcalloc(1, sizeof(*told));
	told->address = *address;
	HASH_ADD(hh, reconcile->told, address, sizeof(told->address), told);
	return told;
}

static void told_free(struct reconcile *reconcile, struct told *told)
{
	/* iterators continue with the next element */
	if (reconcile->next_told == told)
		reconcile->next_told = told->hh.next;
	if (reconcile->next_refresh == told)
		reconcile->next_refresh = told->hh.next;
	no_room_forget(reconcile->parts.no_room, &told->address);
	HASH_DEL(reconcile->told, told);
	free(told->places);
	free(told);
}

/* ---- what is desired ---- */

/* @target's entry on @link. */
static struct lease_place place_on(const struct target *target, const struct link *link)
{
	struct lease_place place = { .ifindex = link->ifindex };

	if (target->terms.mac == MAC_VIRTUAL) {
		virtual_mac(target->address.bytes, address_is_v4(&target->address), place.mac);
		place.flags = ENTRY_MAC_FIXED;
	} else {
		memcpy(place.mac, link->mac, ETH_ALEN);
	}
	return place;
}

/* Where @target can be answered for now. @places has room for all of its interfaces. */
static size_t places_of(const struct reconcile *reconcile, const struct target *target,
			struct lease_place *places)
{
	const struct reconcile_parts *parts = &reconcile->parts;
	size_t count = 0;

	for (size_t i = 0; i < target->count && !target->reason; i++) {
		const struct link_row *row =
			link_table_find(links_table(parts->links), target->on[i].ifindex);

		if (!row || !row->carrier ||
		    no_room_is(parts->no_room, &target->address, row->link.ifindex, NULL) ||
		    parts->callbacks.ready(row, parts->callbacks.ready_data, NULL))
			continue;
		places[count++] = place_on(target, &row->link);
	}
	return count;
}

static uint64_t service_hash(const struct lease_wish *wish)
{
	return hash_text(hash_text(HASH_BEGIN, wish->service.namespace), wish->service.name);
}

static bool same(const struct told *told, const struct lease_wish *wish)
{
	return told->sent && told->wanted == wish->wanted &&
	       told->last_resort == wish->last_resort && told->group.id == wish->group.id &&
	       told->group.member == wish->group.member &&
	       told->service_hash == service_hash(wish) && told->place_count == wish->place_count &&
	       (!wish->place_count ||
		!memcmp(told->places, wish->places, wish->place_count * sizeof(*wish->places)));
}

static void remember(struct told *told, const struct lease_wish *wish)
{
	told->sent = true;
	told->wanted = wish->wanted;
	told->last_resort = wish->last_resort;
	told->group = wish->group;
	told->service_hash = service_hash(wish);
	free(told->places);
	told->places = NULL;
	told->place_count = wish->place_count;
	if (!wish->place_count)
		return;
	told->places = xcalloc(wish->place_count, sizeof(*told->places));
	memcpy(told->places, wish->places, wish->place_count * sizeof(*told->places));
	for (size_t i = 0; i < wish->place_count; i++)
		told->filtered = told->filtered || (wish->places[i].flags & ENTRY_MAC_FIXED);
}

/* False: the mailbox is full, nothing was sent. */
static bool tell(struct reconcile *reconcile, struct told *told, const struct lease_wish *wish)
{
	if (same(told, wish))
		return true;
	if (!lease_thread_wish(reconcile->parts.thread, wish))
		return false;
	remember(told, wish);
	return true;
}

static bool tell_desired(struct reconcile *reconcile, const struct target *target)
{
	struct lease_place places[L2RESP_MAX_DEVICES] = {};
	struct lease_wish wish = { .address = target->address,
				   .wanted = !target->reason,
				   .why = target->reason ?: target->last_resort,
				   .last_resort = target->last_resort,
				   .group = target->terms.group,
				   .service = target->service,
				   .places = places };
	struct told *told = told_get(reconcile, &target->address);

	told->pass = reconcile->pass;
	if (target->count <= L2RESP_MAX_DEVICES)
		wish.place_count = places_of(reconcile, target, places);
	return tell(reconcile, told, &wish);
}

static bool tell_undesired(struct reconcile *reconcile, struct told *told)
{
	struct lease_wish wish = { .address = told->address,
				   .why = desired_reason(reconcile->desired, &told->address) };

	if (told->pass == reconcile->pass)
		return true;
	if (!tell(reconcile, told, &wish))
		return false;
	if (!told->slot)
		told_free(reconcile, told);
	return true;
}

/* The next step of the pass. False: the mailbox is full. */
static bool step(struct reconcile *reconcile)
{
	struct told *told;

	switch (reconcile->at) {
	case PASS_DESIRED:
		if (reconcile->next == reconcile->desired->count) {
			reconcile->at = PASS_TOLD;
			reconcile->next_told = reconcile->told;
			return true;
		}
		if (!tell_desired(reconcile, &reconcile->desired->list[reconcile->next]))
			return false;
		reconcile->next++;
		return true;
	case PASS_TOLD:
		told = reconcile->next_told;
		if (!told) {
			reconcile->at = PASS_SETTLE;
			return true;
		}
		reconcile->next_told = told->hh.next;
		if (tell_undesired(reconcile, told))
			return true;
		reconcile->next_told = told;
		return false;
	case PASS_SETTLE:
		if (reconcile->known && !reconcile->settled) {
			if (!lease_thread_settled(reconcile->parts.thread))
				return false;
			reconcile->settled = true;
		}
		reconcile->at = PASS_NONE;
		return true;
	case PASS_NONE:
		break;
	}
	return true;
}

/* Announces the next address whose refresh is due. */
static void refresh_next(struct reconcile *reconcile)
{
	struct told *told = reconcile->next_refresh;

	reconcile->next_refresh = told->hh.next;
	for (size_t i = 0; i < told->place_count && told->slot; i++)
		announcer_add(reconcile->parts.announcer, &told->address, told->places[i].ifindex,
			      ANNOUNCE_REFRESH);
}

static int on_work(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct reconcile *reconcile = userdata;
	uint64_t begun_ns = clock_boot_ns();
	bool room = true;

	while (loop_may_go_on(begun_ns) && room && reconcile->at != PASS_NONE)
		room = step(reconcile);
	while (loop_may_go_on(begun_ns) && reconcile->next_refresh)
		refresh_next(reconcile);
	if (reconcile->at != PASS_NONE || reconcile->next_refresh)
		plan(reconcile, room ? 0 : RETRY_USEC);
	return 0;
}

static void begin_pass(struct reconcile *reconcile)
{
	reconcile->pass++;
	reconcile->next = 0;
	reconcile->at = reconcile->desired ? PASS_DESIRED : PASS_NONE;
	plan(reconcile, 0);
}

void reconcile_desired(struct reconcile *reconcile, const struct desired *desired)
{
	reconcile->desired = desired;
	begin_pass(reconcile);
}

void reconcile_known(struct reconcile *reconcile)
{
	reconcile->known = true;
	if (reconcile->at == PASS_NONE)
		reconcile->at = PASS_SETTLE;
	plan(reconcile, 0);
}

void reconcile_again(struct reconcile *reconcile)
{
	struct told *told, *next;

	HASH_ITER(hh, reconcile->told, told, next)
	told->sent = false;
	reconcile->known = reconcile->settled = false;
}

void reconcile_refresh(struct reconcile *reconcile)
{
	reconcile->next_refresh = reconcile->told;
	plan(reconcile, 0);
}

/* ---- what became of it ---- */

static const struct lease_place *place_find(const struct told *told, uint32_t ifindex)
{
	for (size_t i = 0; told && i < told->place_count; i++)
		if (told->places[i].ifindex == ifindex)
			return &told->places[i];
	return NULL;
}

void reconcile_news(struct reconcile *reconcile, const struct lease_news *news)
{
	const struct reconcile_parts *parts = &reconcile->parts;
	bool known = told_find(reconcile, &news->address);
	struct told *told = told_get(reconcile, &news->address);

	/* left by a previous process */
	told->filtered = told->filtered || !known;
	told->slot = news->slot;
	told->silent = REASON_NONE;
	for (size_t i = 0; i < news->place_count; i++) {
		uint32_t ifindex = news->places[i].ifindex;

		if (news->places[i].state == PLACE_BY_HAND)
			told->silent = REASON_BY_HAND;
		if (told->slot && place_find(told, ifindex))
			no_room_note(parts->no_room, &news->address, ifindex,
				     news->places[i].state == PLACE_NO_ROOM);
		if (news->places[i].entered || news->places[i].removed)
			program_touch(parts->program, ifindex,
				      told->filtered || !address_is_v4(&news->address),
				      news->places[i].removed);
		if (!news->places[i].entered)
			continue;
		announcer_add(parts->announcer, &news->address, ifindex, ANNOUNCE_TAKEOVER);
		parts->callbacks.entered(&news->address, ifindex, parts->userdata);
	}
	if (!told->slot && told->sent && !told->wanted && !told->place_count &&
	    told->pass != reconcile->pass)
		told_free(reconcile, told);
}

void reconcile_count(const struct reconcile *reconcile, size_t ret_count[PINS_FAMILIES])
{
	struct told *told, *next;

	memset(ret_count, 0, PINS_FAMILIES * sizeof(ret_count[0]));
	HASH_ITER(hh, reconcile->told, told, next)
	ret_count[responder_family(&told->address)] += told->place_count;
}

bool reconcile_is_told(const struct reconcile *reconcile)
{
	return reconcile->at == PASS_NONE;
}

const struct lease_place *reconcile_places(const struct reconcile *reconcile,
					   const struct address *address, size_t *ret_count)
{
	const struct told *told = told_find(reconcile, address);

	*ret_count = told ? told->place_count : 0;
	return told ? told->places : NULL;
}

enum reason reconcile_why_silent(const struct reconcile *reconcile, const struct address *address)
{
	const struct told *told = told_find(reconcile, address);

	if (told && told->silent)
		return told->silent;
	return no_room_is(reconcile->parts.no_room, address, 0, NULL) ? REASON_MAP_FULL
								      : REASON_NONE;
}

bool reconcile_holds(const struct reconcile *reconcile, const struct address *address)
{
	const struct told *told = told_find(reconcile, address);

	return told && told->slot;
}

/* ---- comparing ---- */

static int compare_entry(const struct entry_row *row, void *data, struct err *err)
{
	struct reconcile *reconcile = data;
	struct told *told = told_find(reconcile, &row->key.address);
	const struct lease_place *place = place_find(told, row->key.ifindex);

	if (place && told->slot == row->head.lease && !row->damaged &&
	    !memcmp(place->mac, row->head.mac, ETH_ALEN) && place->flags == row->head.flags) {
		if (told->seen != reconcile->figures.compared)
			told->seen_count = 0;
		told->seen = reconcile->figures.compared;
		told->seen_count++;
		return 0;
	}
	/* a previous process's entries stay until all is known; mailbox full: next time */
	if (reconcile->settled)
		lease_thread_check(reconcile->parts.thread, &row->key);
	return 0;
}

int reconcile_compare(struct reconcile *reconcile, struct err *err)
{
	struct reconcile_figures *figures = &reconcile->figures;
	uint64_t begun_ns = clock_boot_ns();
	struct told *told, *next;
	int r;

	figures->compared++;
	program_follow(reconcile->parts.program);
	r = program_visit(reconcile->parts.program, compare_entry, reconcile, err);
	HASH_ITER(hh, reconcile->told, told, next)
	{
		size_t seen = told->seen == figures->compared ? told->seen_count : 0;

		for (size_t i = 0;
		     !r && told->slot && seen < told->place_count && i < told->place_count; i++) {
			const struct entry_key key = { told->address, told->places[i].ifindex };

			lease_thread_check(reconcile->parts.thread, &key);
		}
	}
	/* by the second comparison the lease thread has deleted a previous process's entries and
	 * sends no news of them: remove the filters that they needed */
	if (reconcile->settled && reconcile->settled_compares < 2) {
		reconcile->settled_compares++;
		if (reconcile->settled_compares == 2)
			program_touch_all(reconcile->parts.program);
	}
	figures->last_ns = clock_boot_ns() - begun_ns;
	if (figures->last_ns > figures->worst_ns)
		figures->worst_ns = figures->last_ns;
	return r;
}

const struct reconcile_figures *reconcile_figures(const struct reconcile *reconcile)
{
	return &reconcile->figures;
}

/* ---- life ---- */

void reconcile_free(struct reconcile *reconcile)
{
	struct told *told, *next;

	if (!reconcile)
		return;
	sd_event_source_disable_unref(reconcile->work);
	HASH_ITER(hh, reconcile->told, told, next)
	told_free(reconcile, told);
	free(reconcile);
}

int reconcile_new(const struct reconcile_parts *parts, struct reconcile **ret_reconcile,
		  struct err *err)
{
	struct reconcile *reconcile = xcalloc(1, sizeof(*reconcile));
	int r;

	reconcile->parts = *parts;
	r = sd_event_add_time_relative(parts->event, &reconcile->work, CLOCK_BOOTTIME, 0, 1,
				       on_work, reconcile);
	if (r >= 0)
		r = sd_event_source_set_enabled(reconcile->work, SD_EVENT_OFF);
	if (r < 0) {
		reconcile_free(reconcile);
		return err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	*ret_reconcile = reconcile;
	return 0;
}
