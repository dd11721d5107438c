/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the store in etcd: etcd_codec (records as etcd's JSON), etcd_follow (list and
 * watch), etcd_txn (swaps), store_etcd. */
#ifndef XDP_L2RESP_ETCD_H
#define XDP_L2RESP_ETCD_H

#include <jansson.h>

#include "http.h"
#include "store_base.h"

struct etcd_txn;

struct store_etcd {
	struct store_base base; /* first: it is cast to this */
	struct http *http;
	uint64_t timeout_ns;
	char **endpoints;
	size_t endpoint_count;

	/* the stream: first a list, page by page, then a watch */
	struct http_call *follow_call;
	sd_event_source *follow_retry;
	size_t follow_endpoint;
	uint64_t list_revision; /* of the list's pages; 0: none came yet */
	char *page_key;		/* where the next page begins */
	unsigned int pages;	/* that came of it */

	/* swaps */
	size_t txn_endpoint;
	size_t txn_max;		     /* swaps in one transaction */
	struct store_swap **pending; /* to be sent at the end of this turn of the event loop */
	size_t pending_count, pending_capacity;
	sd_event_source *flush;
	struct etcd_txn *txns; /* on their way */
};

/* Sends @json to @path at @endpoint; @data as http_send() has it. */
struct http_call *etcd_post(struct store_etcd *etcd, size_t endpoint, const char *path,
			    const json_t *json, http_done_fn *done, http_data_fn *data,
			    void *userdata);
/* @endpoint is in trouble, with why. */
void etcd_trouble(struct store_etcd *etcd, size_t endpoint, const char *why);
/* Why a request failed, in the server's own words where it gave any: @text, or one of @result's. */
const char *etcd_trouble_text(const struct http_result *result, char text[HTTP_TROUBLE_MAX]);

/* All of ours: from this key to before that one. */
#define ETCD_PREFIX	"/xdp-l2resp/"
#define ETCD_PREFIX_END "/xdp-l2resp0" /* '0' follows '/' */

/* @length bytes in base64, as etcd's JSON has keys and values; a new reference. */
json_t *etcd_base64(const char *text, size_t length);
/* The key of @kv, which the caller frees; NULL: it has none. */
char *etcd_key(const json_t *kv);
/* The record that a key and value stand for. False: it is none of ours. */
bool etcd_record(const json_t *kv, bool deleted, struct record *ret_record);
/* The two halves of a swap: the comparison, and the operation. */
json_t *etcd_compare(const struct record *record);
json_t *etcd_change(const struct record *record);

/* Goes on with the list or the watch, on another connection than before. */
void etcd_follow(struct store_etcd *etcd);
/* From the beginning: what the stream missed isn't known. */
void etcd_follow_anew(struct store_etcd *etcd);
/* The stream lags behind: see struct store_base. */
void etcd_lags(struct store_base *base, bool again);
int etcd_follow_init(struct store_etcd *etcd, sd_event *event);
void etcd_follow_close(struct store_etcd *etcd);

/* See struct store_base. */
void etcd_send(struct store_swap *swap);
int etcd_txn_init(struct store_etcd *etcd, sd_event *event);
void etcd_txn_close(struct store_etcd *etcd);

#endif
