/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream of etcd's: ranges of keys, listed page by page at one revision, then watched from there
 * on. Each watch request covers one range; what several bring has no common order. */
#ifndef XDP_L2RESP_ETCD_STREAM_H
#define XDP_L2RESP_ETCD_STREAM_H

#include <jansson.h>

#include "http.h"
#include "lease_record.h"

struct store_etcd;
struct etcd_stream;

/* The longest key: a prefix, a hash, a node's name, one character more. */
#define ETCD_KEY_MAX (64 + LEASE_NODE_MAX)

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

#endif
