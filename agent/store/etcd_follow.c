// SPDX-License-Identifier: GPL-2.0-or-later
/* The view: claims, heartbeats as all see them, the mark; and in the list, which is of one
 * revision, this node's own heartbeat with its renewals. */
#include <stdio.h>
#include <string.h>

#include "etcd.h"
#include "json.h"

static void on_reset(struct store_etcd *etcd)
{
	etcd_own_reset(&etcd->own);
	etcd->base.events->reset(etcd->base.userdata);
}

static bool on_shown(struct store_etcd *etcd, const json_t *kv, bool deleted)
{
	uint64_t revision = json_decimal(kv, "mod_revision");
	struct record record;
	enum etcd_key key = etcd_record(kv, deleted, &record);
	bool own = etcd_is_own(etcd, &record);

	if (!etcd->base.following)
		return true;
	etcd->base.changes += !etcd->base.listing;
	if (!etcd->base.listing)
		etcd_own_reached(&etcd->own, revision);
	if (key == ETCD_MARK)
		etcd_own_marked(&etcd->own, own, etcd_now(etcd));
	else if (key == ETCD_NODE && own)
		etcd_own_shown(&etcd->own, &record, revision);
	else if (key == ETCD_PULSE && own)
		etcd_own_beats(&etcd->own, &record, revision, etcd_now(etcd));
	etcd_own_tell(etcd);
	return (key != ETCD_CLAIM && key != ETCD_NODE) || own ||
	       etcd->base.events->record(&record, etcd->base.userdata);
}

static void on_synced(struct store_etcd *etcd, uint64_t revision)
{
	etcd_own_synced(&etcd->own, revision);
	etcd_own_tell(etcd);
	etcd->base.events->synced(etcd->base.userdata);
	/* it may have been ahead, or of another store */
	etcd_stream_set(&etcd->pulses, true);
}

static const struct etcd_stream_events view_events = {
	.reset = on_reset,
	.shown = on_shown,
	.synced = on_synced,
};

void etcd_lags(struct store_base *base, bool again)
{
	struct store_etcd *etcd = (struct store_etcd *)base;

	(void)again; /* every answer has the store's revision: none can be waited for in vain */
	etcd_trouble(etcd, etcd->view.endpoint, "its watch lags behind");
	etcd_stream_elsewhere(&etcd->view);
	/* what stopped this one has probably stopped the other, of which nothing is awaited */
	etcd->pulses.endpoint = etcd->txn_endpoint;
	etcd_stream_anew(&etcd->pulses);
}

static void etcd_follow(struct store *store, bool follow)
{
	struct store_etcd *etcd = (struct store_etcd *)store;

	etcd->base.following = follow;
	etcd->base.quiet_usec = 0;
	etcd_stream_set(&etcd->view, follow);
	etcd_own_reset(&etcd->own);
	etcd->base.store.watch(store, NULL, 0);
}

int etcd_follow_init(struct store_etcd *etcd)
{
	struct etcd_range *ranges = etcd->view.ranges;

	etcd->base.store.follow = etcd_follow;
	etcd->view.listed = 2;
	etcd->view.watched = 1;
	snprintf(ranges[0].from, ETCD_KEY_MAX, ETCD_PREFIX);
	snprintf(ranges[0].to, ETCD_KEY_MAX, ETCD_PULSE_PREFIX);
	etcd_pulse_range(&ranges[1], etcd->node, etcd->node);
	return etcd_stream_init(&etcd->view, etcd, &view_events, &etcd->base.listing,
				&etcd->base.revision);
}
