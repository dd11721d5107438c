// SPDX-License-Identifier: GPL-2.0-or-later
/* The heartbeats of the nodes that are watched, with each renewal. Their keys are in the order of
 * the ring (docs/leases.md), so these and the own one, behind them, are in a range or two. */
#include <stdio.h>
#include <string.h>

#include "etcd.h"
#include "json.h"

static void on_reset(struct store_etcd *etcd)
{
	etcd->own_listed = false;
	etcd->base.events->pulses_reset(etcd->base.userdata);
}

static bool on_shown(struct store_etcd *etcd, const json_t *kv, bool deleted)
{
	uint64_t revision = json_decimal(kv, "mod_revision"), newest;
	struct record record;

	if (etcd_record(kv, deleted, &record) != ETCD_PULSE)
		return true;
	if (!etcd_is_own(etcd, &record)) {
		etcd->base.events->pulse(&record, etcd->base.userdata);
		return true;
	}
	etcd->own_listed = true;
	newest = etcd_own_newest(&etcd->own);
	/* a list of a later revision that has an older heartbeat: the store lost its last writes,
	 * and no swap over the one that is known can succeed */
	if (etcd->pulses_listing && revision < newest && newest <= etcd->pulses.list_revision)
		etcd_stream_anew(&etcd->view);
	etcd_own_beats(&etcd->own, &record, revision, etcd_now(etcd));
	etcd_own_tell(etcd);
	return true;
}

static void on_synced(struct store_etcd *etcd, uint64_t revision)
{
	struct record gone = { .kind = RECORD_HEARTBEAT, .shape = RECORD_ABSENT };

	etcd->base.events->pulses_synced(etcd->base.userdata);
	if (etcd->own_listed)
		return;
	node_name_copy(gone.node, etcd->node);
	etcd_own_beats(&etcd->own, &gone, revision, etcd_now(etcd));
	etcd_own_tell(etcd);
}

static const struct etcd_stream_events pulses_events = {
	.reset = on_reset,
	.shown = on_shown,
	.synced = on_synced,
	.lists_again = true,
};

/* The node of @nodes that is the farthest before the own one on the ring; that, if there are none.
 */
static const char *farthest(const struct store_etcd *etcd, const char *const *nodes, size_t count)
{
	uint64_t own = etcd_ring_point(etcd->node), distance = 0;
	const char *found = etcd->node;

	for (size_t i = 0; i < count; i++)
		if (own - etcd_ring_point(nodes[i]) >= distance) {
			found = nodes[i];
			distance = own - etcd_ring_point(nodes[i]);
		}
	return found;
}

static void etcd_watch(struct store *store, const char *const *nodes, size_t count)
{
	struct store_etcd *etcd = (struct store_etcd *)store;
	struct etcd_range *ranges = etcd->pulses.ranges;

	etcd_pulse_range(&ranges[0], farthest(etcd, nodes, count), etcd->node);
	etcd_own_watches(&etcd->own, count);
	etcd->pulses.listed = etcd->pulses.watched = 1;
	/* past the end of the ring it goes on at its beginning */
	if (strcmp(ranges[0].from, ranges[0].to) > 0) {
		memcpy(ranges[1].to, ranges[0].to, ETCD_KEY_MAX);
		snprintf(ranges[1].from, ETCD_KEY_MAX, ETCD_PULSE_PREFIX);
		snprintf(ranges[0].to, ETCD_KEY_MAX, ETCD_PULSE_END);
		etcd->pulses.listed = etcd->pulses.watched = 2;
	}
	/* not before the view */
	etcd_stream_set(&etcd->pulses, etcd->base.following && !etcd->base.listing);
}

int etcd_pulses_init(struct store_etcd *etcd)
{
	etcd->base.store.watch = etcd_watch;
	etcd->base.store.shows_removals = true;
	return etcd_stream_init(&etcd->pulses, etcd, &pulses_events, &etcd->pulses_listing,
				&etcd->pulses_revision);
}
