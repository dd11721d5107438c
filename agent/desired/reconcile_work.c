// SPDX-License-Identifier: GPL-2.0-or-later
/* Sends wishes to the lease thread, handles its news, and announces all again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "loop.h"
#include "reconcile_state.h"
#include "text_hash.h"
#include "virtual_mac.h"

/* Retry interval when the lease thread's mailbox is full. */
#define RETRY_USEC 2000

struct tracked *reconcile_find(const struct reconcile *reconcile, const struct address *address)
{
	struct tracked *tracked;

	HASH_FIND(hh, reconcile->tracked, address, sizeof(*address), tracked);
	return tracked;
}

static struct tracked *tracked_get(struct reconcile *reconcile, const struct address *address)
{
	struct tracked *tracked = reconcile_find(reconcile, address);

	if (tracked)
		return tracked;
	tracked = xcalloc(1, sizeof(*tracked));
	tracked->address = *address;
	HASH_ADD(hh, reconcile->tracked, address, sizeof(tracked->address), tracked);
	return tracked;
}

static void tracked_free(struct reconcile *reconcile, struct tracked *tracked)
{
	/* iterators continue with the next element */
	if (reconcile->next_tracked == tracked)
		reconcile->next_tracked = tracked->hh.next;
	if (reconcile->next_compare == tracked)
		reconcile->next_compare = tracked->hh.next;
	if (reconcile->next_refresh == tracked)
		reconcile->next_refresh = tracked->hh.next;
	no_room_forget(reconcile->parts.no_room, &tracked->address);
	HASH_DEL(reconcile->tracked, tracked);
	free(tracked->places);
	free(tracked);
}

const struct lease_place *reconcile_find_place(const struct tracked *tracked, uint32_t ifindex)
{
	for (size_t i = 0; tracked && i < tracked->place_count; i++)
		if (tracked->places[i].ifindex == ifindex)
			return &tracked->places[i];
	return NULL;
}

/* ---- wishes to the lease thread ---- */

/* The entry that @target gets on @link. */
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

/* The entries that @target can have now. Policies may select more interfaces than can have the
 * program. */
static size_t places_of(const struct reconcile *reconcile, const struct target *target,
			struct lease_place places[L2RESP_MAX_DEVICES])
{
	const struct reconcile_parts *parts = &reconcile->parts;
	size_t count = 0;

	for (size_t i = 0; i < target->count && !target->reason && count < L2RESP_MAX_DEVICES;
	     i++) {
		const struct links_row *row =
			links_find(links_table(parts->links), target->on[i].ifindex);

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

static bool wish_unchanged(const struct tracked *tracked, const struct lease_wish *wish)
{
	return tracked->sent && tracked->wanted == wish->wanted &&
	       tracked->last_resort == wish->last_resort && tracked->group.id == wish->group.id &&
	       tracked->group.member == wish->group.member &&
	       tracked->service_hash == service_hash(wish) &&
	       tracked->place_count == wish->place_count &&
	       (!wish->place_count ||
		!memcmp(tracked->places, wish->places, wish->place_count * sizeof(*wish->places)));
}

static void record_wish(struct tracked *tracked, const struct lease_wish *wish)
{
	tracked->sent = true;
	tracked->wanted = wish->wanted;
	tracked->last_resort = wish->last_resort;
	tracked->group = wish->group;
	tracked->service_hash = service_hash(wish);
	free(tracked->places);
	tracked->places = NULL;
	tracked->place_count = wish->place_count;
	if (!wish->place_count)
		return;
	tracked->places = xcalloc(wish->place_count, sizeof(*tracked->places));
	memcpy(tracked->places, wish->places, wish->place_count * sizeof(*tracked->places));
	for (size_t i = 0; i < wish->place_count; i++)
		tracked->filtered = tracked->filtered || (wish->places[i].flags & ENTRY_MAC_FIXED);
}

/* Sends @wish unless the lease thread has it already. False: the mailbox is full. */
static bool send_wish(struct reconcile *reconcile, struct tracked *tracked,
		      const struct lease_wish *wish)
{
	if (wish_unchanged(tracked, wish))
		return true;
	if (!lease_thread_wish(reconcile->parts.thread, wish))
		return false;
	record_wish(tracked, wish);
	return true;
}

static bool send_desired(struct reconcile *reconcile, const struct target *target)
{
	struct lease_place places[L2RESP_MAX_DEVICES] = {};
	struct lease_wish wish = { .address = target->address,
				   .wanted = !target->reason,
				   .why = target->reason ?: target->last_resort,
				   .last_resort = target->last_resort,
				   .group = target->terms.group,
				   .places = places };
	struct tracked *tracked = tracked_get(reconcile, &target->address);

	reconcile->tracked_at[target - reconcile->desired->list] = tracked;
	snprintf(wish.service.namespace, sizeof(wish.service.namespace), "%s",
		 target->service->namespace);
	snprintf(wish.service.name, sizeof(wish.service.name), "%s", target->service->name);
	no_room_follow(reconcile->parts.no_room, &target->address, target->on, target->count);
	wish.place_count = places_of(reconcile, target, places);
	return send_wish(reconcile, tracked, &wish);
}

static bool send_undesired(struct reconcile *reconcile, struct tracked *tracked)
{
	struct lease_wish wish = { .address = tracked->address };

	if (desired_find(reconcile->desired, &tracked->address))
		return true;
	wish.why = desired_reason(reconcile->desired, &tracked->address);
	if (!send_wish(reconcile, tracked, &wish))
		return false;
	if (!tracked->slot)
		tracked_free(reconcile, tracked);
	return true;
}

/* The target of the pass's next address; NULL: it isn't desired any more. */
static const struct target *next_target(const struct reconcile *reconcile)
{
	const struct desired *desired = reconcile->desired;
	const struct address *address = &reconcile->addresses[reconcile->next];

	/* mostly the desired addresses are those with which the pass began */
	if (reconcile->next < desired->count &&
	    !address_compare(&desired->list[reconcile->next].address, address))
		return &desired->list[reconcile->next];
	return desired_find(desired, address);
}

static void begin_pass(struct reconcile *reconcile)
{
	const struct desired *desired = reconcile->desired;

	reconcile->again = reconcile->at > PASS_DESIRED || reconcile->next;
	if (reconcile->again)
		return;
	reconcile->pass_known = reconcile->known;
	free(reconcile->addresses);
	reconcile->addresses = xcalloc(desired->count + 1, sizeof(*reconcile->addresses));
	reconcile->address_count = desired->count;
	for (size_t i = 0; i < desired->count; i++)
		reconcile->addresses[i] = desired->list[i].address;
	reconcile->at = PASS_DESIRED;
	loop_timer_after(reconcile->work, 0);
}

static void end_pass(struct reconcile *reconcile)
{
	reconcile->at = PASS_NONE;
	reconcile->next = 0;
	if (reconcile->again)
		begin_pass(reconcile);
}

/* The next step of the pass. False: the mailbox is full. */
static bool step(struct reconcile *reconcile)
{
	const struct target *target;
	struct tracked *tracked;

	switch (reconcile->at) {
	case PASS_DESIRED:
		if (reconcile->next == reconcile->address_count) {
			reconcile->at = PASS_UNDESIRED;
			reconcile->next_tracked = reconcile->tracked;
			return true;
		}
		target = next_target(reconcile);
		if (target && !send_desired(reconcile, target))
			return false;
		reconcile->next++;
		return true;
	case PASS_UNDESIRED:
		tracked = reconcile->known ? reconcile->next_tracked : NULL;
		if (!tracked) {
			reconcile->at = PASS_SETTLE;
			return true;
		}
		reconcile->next_tracked = tracked->hh.next;
		if (send_undesired(reconcile, tracked))
			return true;
		reconcile->next_tracked = tracked;
		return false;
	case PASS_SETTLE:
		if (reconcile->pass_known && !reconcile->settled) {
			if (!lease_thread_settled(reconcile->parts.thread))
				return false;
			reconcile->settled = true;
		}
		end_pass(reconcile);
		return true;
	case PASS_NONE:
		break;
	}
	return true;
}

/* Announces the next address whose refresh is due. */
static void refresh_next(struct reconcile *reconcile)
{
	struct tracked *tracked = reconcile->next_refresh;

	reconcile->next_refresh = tracked->hh.next;
	for (size_t i = 0; i < tracked->place_count && tracked->slot; i++) {
		uint32_t ifindex = tracked->places[i].ifindex;

		if (!reconcile->refresh_on || reconcile->refresh_on == ifindex)
			announcer_add(reconcile->parts.announcer, &tracked->address, ifindex,
				      ANNOUNCER_REFRESH);
	}
}

/* ---- turns ---- */

static int on_work(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct reconcile *reconcile = userdata;
	uint64_t begun_ns = clock_boot_ns();
	bool room = true;

	while (loop_may_go_on(begun_ns) && room && reconcile->at != PASS_NONE)
		room = step(reconcile);
	while (loop_may_go_on(begun_ns) && reconcile->next_refresh)
		refresh_next(reconcile);
	while (loop_may_go_on(begun_ns) && reconcile->comparing)
		reconcile_compare_step(reconcile);
	if (reconcile->at != PASS_NONE || reconcile->next_refresh || reconcile->comparing)
		loop_timer_after(reconcile->work, room || reconcile->comparing ? 0 : RETRY_USEC);
	return 0;
}

void reconcile_desired(struct reconcile *reconcile, const struct desired *desired)
{
	reconcile->desired = desired;
	free(reconcile->tracked_at);
	reconcile->tracked_at = xcalloc(desired->count + 1, sizeof(struct tracked *));
	begin_pass(reconcile);
}

void reconcile_known(struct reconcile *reconcile)
{
	if (reconcile->known)
		return;
	reconcile->known = true;
	/* one under way may have gone past those that aren't desired */
	begin_pass(reconcile);
}

void reconcile_again(struct reconcile *reconcile)
{
	struct tracked *tracked, *next;

	HASH_ITER(hh, reconcile->tracked, tracked, next)
	tracked->sent = false;
	reconcile->known = reconcile->settled = reconcile->pass_known = false;
}

void reconcile_refresh(struct reconcile *reconcile, uint32_t ifindex)
{
	/* one for another interface is under way: on all, as for a bond and its VLAN devices */
	if (reconcile->next_refresh && reconcile->refresh_on != ifindex)
		ifindex = 0;
	reconcile->refresh_on = ifindex;
	reconcile->next_refresh = reconcile->tracked;
	loop_timer_after(reconcile->work, 0);
}

/* ---- news from the lease thread ---- */

void reconcile_news(struct reconcile *reconcile, const struct lease_news *news)
{
	const struct reconcile_parts *parts = &reconcile->parts;
	bool known = reconcile_find(reconcile, &news->address);
	struct tracked *tracked = tracked_get(reconcile, &news->address);

	/* without a wish before, its entries are a previous process's */
	tracked->filtered = tracked->filtered || !known;
	tracked->slot = news->slot;
	tracked->silent_reason = REASON_NONE;
	for (size_t i = 0; i < news->place_count; i++) {
		uint32_t ifindex = news->places[i].ifindex;

		if (news->places[i].state == PLACE_BY_HAND)
			tracked->silent_reason = REASON_BY_HAND;
		if (tracked->slot && reconcile_find_place(tracked, ifindex))
			no_room_note(parts->no_room, &news->address, ifindex,
				     news->places[i].state == PLACE_NO_ROOM);
		if (news->places[i].entered || news->places[i].removed)
			program_touch(parts->program, ifindex,
				      tracked->filtered || !address_is_v4(&news->address),
				      news->places[i].removed);
		if (!news->places[i].entered)
			continue;
		announcer_add(parts->announcer, &news->address, ifindex, ANNOUNCER_TAKEOVER);
		parts->callbacks.entered(&news->address, ifindex, parts->userdata);
	}
	if (!tracked->slot && tracked->sent && !tracked->wanted && !tracked->place_count &&
	    !desired_find(reconcile->desired, &tracked->address))
		tracked_free(reconcile, tracked);
}

void reconcile_count(const struct reconcile *reconcile, size_t ret_count[PINS_FAMILIES])
{
	struct tracked *tracked, *next;

	memset(ret_count, 0, PINS_FAMILIES * sizeof(ret_count[0]));
	HASH_ITER(hh, reconcile->tracked, tracked, next)
	ret_count[responder_family(&tracked->address)] += tracked->place_count;
}

bool reconcile_pass_done(const struct reconcile *reconcile)
{
	return reconcile->at == PASS_NONE;
}

const struct lease_place *reconcile_places(const struct reconcile *reconcile,
					   const struct address *address, size_t *ret_count)
{
	const struct tracked *tracked = reconcile_find(reconcile, address);

	*ret_count = tracked ? tracked->place_count : 0;
	return tracked ? tracked->places : NULL;
}

static enum reason why_silent(const struct reconcile *reconcile, const struct tracked *tracked,
			      const struct address *address)
{
	if (tracked && tracked->silent_reason)
		return tracked->silent_reason;
	return no_room_is(reconcile->parts.no_room, address, 0, NULL) ? REASON_MAP_FULL
								      : REASON_NONE;
}

enum reason reconcile_why_silent(const struct reconcile *reconcile, const struct address *address)
{
	return why_silent(reconcile, reconcile_find(reconcile, address), address);
}

bool reconcile_holds(const struct reconcile *reconcile, const struct address *address)
{
	const struct tracked *tracked = reconcile_find(reconcile, address);

	return tracked && tracked->slot;
}

bool reconcile_holds_target(const struct reconcile *reconcile, const struct target *target,
			    enum reason *ret_silent)
{
	/* finding so many by their addresses would take most of a scrape's time */
	const struct tracked *tracked = reconcile->tracked_at[target - reconcile->desired->list]
						?: reconcile_find(reconcile, &target->address);

	*ret_silent = why_silent(reconcile, tracked, &target->address);
	return tracked && tracked->slot;
}

const struct reconcile_figures *reconcile_figures(const struct reconcile *reconcile)
{
	return &reconcile->figures;
}

/* ---- life ---- */

void reconcile_free(struct reconcile *reconcile)
{
	struct tracked *tracked, *next;

	if (!reconcile)
		return;
	sd_event_source_disable_unref(reconcile->work);
	free(reconcile->addresses);
	free(reconcile->tracked_at);
	HASH_ITER(hh, reconcile->tracked, tracked, next)
	tracked_free(reconcile, tracked);
	free(reconcile);
}

int reconcile_new(const struct reconcile_parts *parts, struct reconcile **ret_reconcile,
		  struct err *err)
{
	struct reconcile *reconcile = xcalloc(1, sizeof(*reconcile));
	int r;

	reconcile->parts = *parts;
	r = loop_timer_new(parts->event, LOOP_NEVER, on_work, reconcile, &reconcile->work);
	if (r < 0) {
		reconcile_free(reconcile);
		return err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	*ret_reconcile = reconcile;
	return 0;
}
