// SPDX-License-Identifier: GPL-2.0-or-later
/* This node's own heartbeat (etcd_own.h): tells of it, and writes the mark when it is time to. */
#include <string.h>

#include "etcd.h"
#include "json.h"
#include "loop.h"

uint64_t etcd_now(const struct store_etcd *etcd)
{
	uint64_t usec = 0;

	sd_event_now(etcd->base.event, CLOCK_BOOTTIME, &usec);
	return usec * 1000;
}

bool etcd_is_own(const struct store_etcd *etcd, const struct record *record)
{
	return record->kind == RECORD_HEARTBEAT && !strcmp(record->node, etcd->node);
}

static void mark_arm(struct store_etcd *etcd)
{
	loop_timer_at(etcd->mark, etcd_own_due(&etcd->own));
}

void etcd_own_tell(struct store_etcd *etcd)
{
	struct record record;

	while (!etcd->base.listing && etcd_own_next(&etcd->own, &record))
		etcd->base.events->record(&record, etcd->base.userdata);
	mark_arm(etcd);
}

void etcd_heartbeat_swapped(struct store_etcd *etcd, const struct record *record, int result)
{
	if (!etcd->base.following)
		return;
	/* there is one that wasn't seen: this stream may lag behind */
	if (result == -EAGAIN && !etcd->base.listing)
		etcd_stream_set(&etcd->pulses, true);
	if (result || !etcd_is_own(etcd, record))
		return;
	if (record->heartbeat.all)
		etcd_own_shown(&etcd->own, record, record->revision);
	etcd_own_beats(&etcd->own, record, record->revision, etcd_now(etcd));
	etcd_own_tell(etcd);
}

void etcd_expect(struct store_etcd *etcd, uint64_t revision)
{
	store_expect(&etcd->base, revision);
	etcd_own_expect(&etcd->own, revision);
}

static void on_mark(const struct http_result *result, void *userdata)
{
	struct store_etcd *etcd = userdata;
	json_auto_t *json = http_json(result);
	uint64_t revision = json_decimal(json_object_get(json, "header"), "revision");
	char text[HTTP_TROUBLE_MAX];

	etcd->mark_call = NULL;
	if (!revision) {
		etcd_trouble(etcd, etcd->mark_endpoint, etcd_trouble_text(result, text));
		/* a swap that failed there may have left it already */
		if (etcd->txn_endpoint == etcd->mark_endpoint)
			etcd->txn_endpoint = (etcd->txn_endpoint + 1) % etcd->endpoint_count;
		return;
	}
	store_answered(&etcd->base);
	etcd_expect(etcd, revision);
}

static int on_mark_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct store_etcd *etcd = userdata;

	if (etcd_own_mark(&etcd->own, etcd_now(etcd)) && !etcd->mark_call && !etcd->base.listing) {
		json_auto_t *json = etcd_mark_put(etcd->node);

		etcd->mark_endpoint = etcd->txn_endpoint;
		etcd->mark_call = etcd_post(etcd, etcd->mark_endpoint, "/v3/kv/put", json, on_mark,
					    NULL, etcd);
	}
	mark_arm(etcd);
	return 0;
}

int etcd_mark_init(struct store_etcd *etcd)
{
	return loop_timer_new(etcd->base.event, LOOP_NEVER, on_mark_due, etcd, &etcd->mark);
}

void etcd_mark_close(struct store_etcd *etcd)
{
	http_cancel(etcd->mark_call);
	sd_event_source_disable_unref(etcd->mark);
}
