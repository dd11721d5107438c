// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Swaps requested in one turn of the event loop share one transaction, up to etcd's limit: all or
 * none is done. If a revision doesn't match, they are sent again, each as a nested transaction, so
 * that the others are done. (Nesting from the start would cost etcd half as much again.)
 * Heartbeats don't wait: each is sent at once, in its own transaction.
 */
#include <string.h>

#include "alloc.h"
#include "etcd.h"
#include "json.h"

/* etcd's --max-txn-ops is 128 by default, and a transaction that holds others counts itself. */
#define SWAPS_MAX 127
/* A transaction of so many takes etcd about three times as long as one of one. */
#define SWAPS_MIN 16
/* So many full transactions may be on their way at a time. */
#define TXNS_MAX 4

struct etcd_txn {
	struct etcd_txn *next;
	struct store_etcd *etcd;
	struct http_call *call;
	uint64_t seen; /* the stream's revision when it was sent; 0: in a list */
	size_t endpoint, tried;
	bool apart; /* each swap is decided by itself */
	size_t count;
	struct store_swap *swaps[SWAPS_MAX];
};

static void txn_free(struct etcd_txn *txn)
{
	struct etcd_txn **at = &txn->etcd->txns;

	while (*at != txn)
		at = &(*at)->next;
	*at = txn->next;
	http_cancel(txn->call);
	free(txn);
}

static void on_txn(const struct http_result *result, void *userdata);

static json_t *txn_json(const struct etcd_txn *txn)
{
	json_t *compare = json_array(), *success = json_array();

	for (size_t i = 0; i < txn->count; i++) {
		const struct record *record = &txn->swaps[i]->record;
		json_t *conditions = txn->apart ? json_array() : compare;
		json_t *changes = txn->apart ? json_array() : success;

		etcd_compare(record, conditions);
		etcd_change(record, changes);
		if (txn->apart)
			json_array_append_new(success,
					      json_pack("{s{so so}}", "request_txn", "compare",
							conditions, "success", changes));
	}
	if (txn->swaps[0]->mark)
		json_array_append_new(success, json_pack("{so}", "request_put",
							 etcd_mark_put(txn->etcd->node)));
	return json_pack("{so so}", "compare", compare, "success", success);
}

static void txn_send(struct etcd_txn *txn)
{
	struct store_etcd *etcd = txn->etcd;
	json_auto_t *json = txn_json(txn);

	txn->endpoint = etcd->txn_endpoint;
	txn->call = etcd_post(etcd, txn->endpoint, "/v3/kv/txn", json, on_txn, NULL, txn);
}

static uint64_t newest_seen(const struct store_etcd *etcd)
{
	uint64_t own = etcd_own_newest(&etcd->own);

	return own > etcd->base.revision ? own : etcd->base.revision;
}

/* Sends @count swaps in as few transactions as possible, each swap @apart or not. */
static void swaps_send(struct store_etcd *etcd, struct store_swap **swaps, size_t count, bool apart)
{
	size_t part;

	for (; count; count -= part, swaps += part) {
		struct etcd_txn *txn = xcalloc(1, sizeof(*txn));

		part = count < etcd->txn_max ? count : etcd->txn_max;
		*txn = (struct etcd_txn){
			.next = etcd->txns,
			.etcd = etcd,
			.seen = etcd->base.listing ? 0 : newest_seen(etcd),
			.apart = apart,
			.count = part,
		};
		memcpy(txn->swaps, swaps, part * sizeof(*swaps));
		etcd->txns = txn;
		txn_send(txn);
	}
}

/* Was swap @number of a transaction that was @apart done? */
static bool swap_done(const json_t *json, size_t number)
{
	json = json_array_get(json_object_get(json, "responses"), number);
	return json_is_true(json_object_get(json_object_get(json, "response_txn"), "succeeded"));
}

/* Does the view show what @swap has written? */
static bool is_shown(const struct store_swap *swap)
{
	return swap->mark || swap->record.kind == RECORD_CLAIM ||
	       swap->record.shape == RECORD_ABSENT || swap->record.heartbeat.all;
}

/* Reports the @result of a @swap that was sent to @endpoint. */
static void swap_end(struct store_etcd *etcd, struct store_swap *swap, size_t endpoint, int result)
{
	struct record record = swap->record;

	/* somebody else wrote this node's heartbeat. The view is to show that at once, on a new
	 * connection: its own may be dead since the machine was paused */
	if (result == -EAGAIN && etcd_is_own(etcd, &record) && store_hides(&etcd->base)) {
		etcd->view.endpoint = endpoint;
		etcd_stream_run(&etcd->view);
	}
	store_swap_end(swap, result);
	if (record.kind == RECORD_HEARTBEAT)
		etcd_heartbeat_swapped(etcd, &record, result);
}

/* Tells what became of each swap: @error, or what the answer @json says of it. */
static void txn_end(struct etcd_txn *txn, int error, const json_t *json, uint64_t revision)
{
	bool succeeded = json_is_true(json_object_get(json, "succeeded"));

	for (size_t i = 0; i < txn->count; i++) {
		struct store_swap *swap = txn->swaps[i];
		int result = error;

		if (!error && !(txn->apart ? swap_done(json, i) : succeeded))
			result = -EAGAIN;
		if (!result)
			swap->record.revision = swap->record.shape == RECORD_ABSENT ? 0 : revision;
		if (!result && is_shown(swap))
			etcd_expect(txn->etcd, revision);
		swap_end(txn->etcd, swap, txn->endpoint, result);
	}
	txn_free(txn);
}

static void txn_failed(struct etcd_txn *txn, const struct http_result *result)
{
	struct store_etcd *etcd = txn->etcd;
	char text[HTTP_TROUBLE_MAX];
	const char *why = etcd_trouble_text(result, text);

	/* its --max-txn-ops is smaller: nothing was done; send smaller transactions */
	if (!result->error && txn->count > 1 && strstr(why, "too many operations")) {
		if (txn->count <= etcd->txn_max)
			etcd->txn_max = (txn->count + 1) / 2;
		swaps_send(etcd, txn->swaps, txn->count, txn->apart);
		txn_free(txn);
		return;
	}
	etcd_trouble(etcd, txn->endpoint, why);
	if (etcd->txn_endpoint == txn->endpoint)
		etcd->txn_endpoint = (etcd->txn_endpoint + 1) % etcd->endpoint_count;
	/* the server never received it: try the next endpoint at once */
	if (result->error == -ECONNREFUSED && ++txn->tried < etcd->endpoint_count)
		txn_send(txn);
	else
		txn_end(txn, result->error ?: -EIO, NULL, 0);
}

static void on_txn(const struct http_result *result, void *userdata)
{
	struct etcd_txn *txn = userdata;
	struct store_etcd *etcd = txn->etcd;
	json_auto_t *json = NULL;
	char text[HTTP_TROUBLE_MAX];
	uint64_t revision;

	txn->call = NULL;
	if (result->error || result->status != 200) {
		txn_failed(txn, result);
		return;
	}
	json = http_json(result);
	revision = json_decimal(json_object_get(json, "header"), "revision");
	if (!revision) {
		etcd_trouble(etcd, txn->endpoint, etcd_trouble_text(result, text));
		txn_end(txn, -EPROTO, NULL, 0);
		return;
	}
	store_answered(&etcd->base);
	/* older than the stream at sending: the store was restored from a backup, or replaced */
	if (revision < txn->seen)
		etcd_stream_anew(&etcd->view);
	if (txn->count == 1 || txn->apart || json_is_true(json_object_get(json, "succeeded"))) {
		txn_end(txn, 0, json, revision);
		return;
	}
	swaps_send(etcd, txn->swaps, txn->count, true);
	txn_free(txn);
}

static int on_flush(sd_event_source *source, void *userdata)
{
	struct store_etcd *etcd = userdata;
	size_t count = etcd->pending_count;

	etcd->pending_count = 0;
	swaps_send(etcd, etcd->pending, count, false);
	return 0;
}

void etcd_send(struct store_swap *swap)
{
	struct store_etcd *etcd = (struct store_etcd *)swap->base;

	if (swap->record.kind == RECORD_HEARTBEAT) {
		swap->mark = etcd_is_own(etcd, &swap->record) &&
			     etcd_own_send(&etcd->own, &swap->record);
		swaps_send(etcd, &swap, 1, false);
		return;
	}
	ALLOC_GROW(etcd->pending, etcd->pending_count, etcd->pending_capacity);
	etcd->pending[etcd->pending_count++] = swap;
	sd_event_source_set_enabled(etcd->flush, SD_EVENT_ONESHOT);
}

int etcd_txn_init(struct store_etcd *etcd, sd_event *event)
{
	int r = sd_event_add_defer(event, &etcd->flush, on_flush, etcd);

	etcd->txn_max = SWAPS_MAX;
	etcd->base.store.swaps_min = SWAPS_MIN;
	etcd->base.store.swaps_max = (size_t)TXNS_MAX * SWAPS_MAX;
	return r < 0 ? r : sd_event_source_set_enabled(etcd->flush, SD_EVENT_OFF);
}

void etcd_txn_close(struct store_etcd *etcd)
{
	while (etcd->txns)
		txn_free(etcd->txns);
	sd_event_source_disable_unref(etcd->flush);
	free(etcd->pending);
}
