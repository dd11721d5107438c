/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the store in etcd: etcd_codec (records as etcd's JSON), etcd_stream (list and watch)
 * with etcd_follow (the view) and etcd_pulses (renewals), etcd_own (this node's heartbeat) with
 * etcd_mark, etcd_txn (swaps), store_etcd. */
#ifndef XDP_L2RESP_ETCD_H
#define XDP_L2RESP_ETCD_H

#include <jansson.h>

#include "etcd_own.h"
#include "http.h"
#include "store_base.h"

struct etcd_txn;
struct store_etcd;

/* The longest key: a prefix, a hash, a node's name, one character more. */
#define ETCD_KEY_MAX (64 + RECORD_NODE_MAX)

/* The keys from @from on, before @to. */
struct etcd_range {
	char from[ETCD_KEY_MAX], to[ETCD_KEY_MAX];
};

struct etcd_stream_events {
	/* A list begins. */
	void (*reset)(struct store_etcd *etcd);
	/* @kv is in the list, or was written, or @deleted. False: there is no room for it. */
	bool (*shown)(struct store_etcd *etcd, const json_t *kv, bool deleted);
	/* The list is complete, of @revision. */
	void (*synced)(struct store_etcd *etcd, uint64_t revision);
	/* The watch was lost: it begins again with a list. Else it goes on. */
	bool lists_again;
};

/*
 * A stream: ranges of keys, listed page by page at one revision, then watched from there on. Each
 * watch request covers one range; what several bring has no common order.
 */
struct etcd_stream {
	struct store_etcd *etcd;
	const struct etcd_stream_events *events;
	struct etcd_range ranges[2];
	size_t listed, watched; /* so many of them */
	bool *listing;		/* it is not past its list */
	uint64_t *revision;	/* it has shown everything up to this */
	struct http_call *call;
	sd_event_source *retry;
	size_t endpoint;
	uint64_t list_revision; /* of the list's pages; 0: none came yet */
	size_t range;		/* that is listed */
	char *page_key;		/* where its next page begins */
	unsigned int pages;	/* that came */
};

int etcd_stream_init(struct etcd_stream *stream, struct store_etcd *etcd,
		     const struct etcd_stream_events *events, bool *listing, uint64_t *revision);
void etcd_stream_close(struct etcd_stream *stream);

/* Goes on with the list or the watch, on another connection than before. */
void etcd_stream_run(struct etcd_stream *stream);
/* From the beginning: what it missed isn't known. Not from within. */
void etcd_stream_anew(struct etcd_stream *stream);
/* Ends it; and begins it, from the event loop, if @run. */
void etcd_stream_set(struct etcd_stream *stream, bool run);
/* It lags behind: goes on at another endpoint. */
void etcd_stream_elsewhere(struct etcd_stream *stream);

struct store_etcd {
	struct store_base base; /* first: it is cast to this */
	struct http *http;
	uint64_t timeout_ns;
	char **endpoints;
	size_t endpoint_count;

	char node[RECORD_NODE_MAX + 1];

	struct etcd_stream view, pulses;
	bool pulses_listing, own_listed; /* this node's heartbeat was in that list */
	uint64_t pulses_revision;

	struct etcd_own own;
	struct http_call *mark_call;
	size_t mark_endpoint; /* where it was sent */
	sd_event_source *mark;

	/* swaps */
	size_t txn_endpoint;
	size_t txn_max;		     /* swaps in one transaction */
	struct store_swap **pending; /* to be sent at the end of this turn of the event loop */
	size_t pending_count, pending_capacity;
	sd_event_source *flush;
	struct etcd_txn *txns; /* on their way */
};

/* Sends @json, or all in that array, to @path at @endpoint; @line as http_send() has it. */
struct http_call *etcd_post(struct store_etcd *etcd, size_t endpoint, const char *path,
			    const json_t *json, http_done_fn *done, http_line_fn *line,
			    void *userdata);
/* @endpoint is in trouble, with why. */
void etcd_trouble(struct store_etcd *etcd, size_t endpoint, const char *why);
/* Why a request failed, in the server's own words where it gave any: @text, or one of @result's. */
const char *etcd_trouble_text(const struct http_result *result, char text[HTTP_TROUBLE_MAX]);

/* All of ours begin with this. Those that the view shows come before the pulses. */
#define ETCD_PREFIX	  "/xdp-l2resp/"
#define ETCD_PULSE_PREFIX ETCD_PREFIX "pulse/"
#define ETCD_PULSE_END	  ETCD_PREFIX "pulse0" /* '0' follows '/' */

enum etcd_key {
	ETCD_OTHER, /* none of ours */
	ETCD_MARK,
	ETCD_CLAIM,
	ETCD_NODE,  /* a heartbeat as all see it */
	ETCD_PULSE, /* the same with each renewal */
};

/* @length bytes in base64, as etcd's JSON has keys and values; a new reference. */
json_t *etcd_base64(const char *text, size_t length);
/* The key of @kv, which the caller frees; NULL: it has none. */
char *etcd_key(const json_t *kv);
/* The key of that kind, of @record, in base64; a new reference. */
json_t *etcd_key_json(enum etcd_key kind, const struct record *record);
/* What a key and value stand for: the record, if it is one. */
enum etcd_key etcd_record(const json_t *kv, bool deleted, struct record *ret_record);
/* Where @node is on the ring of those that watch each other. */
uint64_t etcd_ring_point(const char *node);
/* The pulses from that of @first to that of @last. */
void etcd_pulse_range(struct etcd_range *range, const char *first, const char *last);
/* Appends the two halves of a swap: the comparisons, and the operations. */
void etcd_compare(const struct record *record, json_t *compare);
void etcd_change(const struct record *record, json_t *changes);
/* What puts the mark, as @node. */
json_t *etcd_mark_put(const char *node);

/* The view lags behind: see struct store_base. */
void etcd_lags(struct store_base *base, bool again);
int etcd_follow_init(struct store_etcd *etcd);
int etcd_pulses_init(struct store_etcd *etcd);

/* The event loop's time, in ns. */
uint64_t etcd_now(const struct store_etcd *etcd);
/* Is @record the heartbeat of this node? */
bool etcd_is_own(const struct store_etcd *etcd, const struct record *record);
/* Tells of it what is to be told by now. */
void etcd_own_tell(struct store_etcd *etcd);
/* What became of a swap of a heartbeat, which was reported. */
void etcd_heartbeat_swapped(struct store_etcd *etcd, const struct record *record, int result);
/* @revision was written, and the view is to show it. */
void etcd_expect(struct store_etcd *etcd, uint64_t revision);
int etcd_mark_init(struct store_etcd *etcd);
void etcd_mark_close(struct store_etcd *etcd);

/* See struct store_base. */
void etcd_send(struct store_swap *swap);
int etcd_txn_init(struct store_etcd *etcd, sd_event *event);
void etcd_txn_close(struct store_etcd *etcd);

#endif
