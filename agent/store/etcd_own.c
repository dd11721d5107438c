// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "etcd_own.h"
#include "text_hash.h"

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void etcd_own_init(struct etcd_own *own, const char *node, const struct lease_timing *timing)
{
	uint64_t slack = timing->renew_deadline_ns - timing->retry_period_ns;
	uint64_t spread = hash_finish(hash_text(HASH_BEGIN, node)) % 1024;

	*own = (struct etcd_own){ .node = node };
	own->wait_ns = lesser(timing->retry_period_ns, slack) / 8;
	/* after the node that marks; each at another time, so that few write it at once */
	own->own_wait_ns = 2 * own->wait_ns + own->wait_ns * spread / 1024;
	etcd_own_reset(own);
}

void etcd_own_reset(struct etcd_own *own)
{
	own->view = own->count = 0;
	own->expected = 0;
	own->shown = own->told = (struct etcd_beat){ .record = { .kind = RECORD_HEARTBEAT } };
	node_name_copy(own->told.record.node, own->node);
	own->tell_again = own->marks = false;
	own->since_ns = ETCD_NEVER;
}

static struct etcd_beat *newest(struct etcd_own *own)
{
	return own->count ? &own->beats[own->count - 1] : &own->told;
}

uint64_t etcd_own_newest(const struct etcd_own *own)
{
	return own->count ? own->beats[own->count - 1].at : own->told.at;
}

/* Were the renewals known to be absent when the rest was there? That was written with one, which is
 * told next, or which somebody deleted. */
static bool half_is_absent(const struct etcd_own *own, const struct etcd_beat *beat)
{
	return beat->record.shape == RECORD_ABSENT && own->shown.record.shape != RECORD_ABSENT &&
	       own->shown.at <= beat->at;
}

/* Takes the oldest of those that wait. */
static void beat_take(struct etcd_own *own)
{
	own->told = own->beats[0];
	memmove(own->beats, own->beats + 1, --own->count * sizeof(own->beats[0]));
	if (!own->count)
		own->since_ns = ETCD_NEVER;
}

void etcd_own_reached(struct etcd_own *own, uint64_t revision)
{
	if (revision > own->view)
		own->view = revision;
}

void etcd_own_expect(struct etcd_own *own, uint64_t revision)
{
	if (revision > own->expected)
		own->expected = revision;
}

void etcd_own_synced(struct etcd_own *own, uint64_t revision)
{
	own->view = revision;
	while (own->count && own->beats[0].at <= revision)
		beat_take(own);
	if (own->told.record.shape == RECORD_ABSENT)
		own->told.at = revision;
	/* what isn't there isn't in a list either */
	own->tell_again =
		own->told.record.shape != RECORD_ABSENT || own->shown.record.shape != RECORD_ABSENT;
}

void etcd_own_marked(struct etcd_own *own, bool is_own, uint64_t now)
{
	if (is_own && !own->marks)
		own->marks_ns = now;
	own->marks = is_own;
	own->marked_ns = now;
}

void etcd_own_watches(struct etcd_own *own, size_t count)
{
	own->many = count >= ETCD_MANY;
}

void etcd_own_shown(struct etcd_own *own, const struct record *record, uint64_t at)
{
	if (at < own->shown.at)
		return;
	own->tell_again |= own->view && record->shape == RECORD_ABSENT &&
			   own->told.record.shape == RECORD_ABSENT;
	own->shown = (struct etcd_beat){ *record, at };
}

void etcd_own_beats(struct etcd_own *own, const struct record *record, uint64_t at, uint64_t now)
{
	struct etcd_beat *last = newest(own);

	if (at <= last->at)
		return;
	if (record->shape == RECORD_ABSENT && last->record.shape == RECORD_ABSENT) {
		/* still, or again: what was there in between wasn't seen */
		last->at = at;
		own->tell_again |= own->view && own->shown.record.shape != RECORD_ABSENT;
		return;
	}
	if (own->count == ETCD_BEATS)
		memmove(own->beats, own->beats + 1, --own->count * sizeof(own->beats[0]));
	own->beats[own->count++] = (struct etcd_beat){ *record, at };
	if (at > own->view && own->since_ns == ETCD_NEVER)
		own->since_ns = now;
}

bool etcd_own_next(struct etcd_own *own, struct record *ret_record)
{
	if (!own->view)
		return false;
	if (own->count && own->beats[0].at <= own->view)
		beat_take(own);
	else if (!own->tell_again)
		return false;
	own->tell_again = false;
	*ret_record = own->told.record;
	/* half of it was deleted: that is no absence, which may be written over at once */
	if (half_is_absent(own, &own->told))
		ret_record->shape = RECORD_FOREIGN;
	return true;
}

bool etcd_own_send(struct etcd_own *own, struct record *record)
{
	const struct record *shown = &own->shown.record;

	/* else it would be replaced without having been seen */
	if (newest(own)->record.shape != RECORD_ABSENT || half_is_absent(own, newest(own)))
		record->shown_revision = shown->revision;
	/* who lists it must see that it is settled, and that it is there at all */
	record->heartbeat.all |= shown->shape != RECORD_GOOD ||
				 shown->heartbeat.unsettled != record->heartbeat.unsettled;
	return !record->heartbeat.all && !own->many;
}

static bool is_the_one(const struct etcd_own *own)
{
	return own->many && own->marks;
}

uint64_t etcd_own_due(const struct etcd_own *own)
{
	if (is_the_one(own))
		return later(own->marks_ns, own->put_ns) + own->wait_ns;
	if (own->since_ns == ETCD_NEVER)
		return ETCD_NEVER;
	return later(later(own->marked_ns, own->put_ns), own->since_ns) + own->own_wait_ns;
}

bool etcd_own_mark(struct etcd_own *own, uint64_t now)
{
	if (now < etcd_own_due(own))
		return false;
	own->put_ns = now;
	/* a view that lags behind would only lag more */
	return is_the_one(own) || own->expected <= own->view;
}
