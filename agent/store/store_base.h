/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the stores have in common: swaps on their way, whether the server answers, and whether the
 * stream shows what was written. */
#ifndef XDP_L2RESP_STORE_BASE_H
#define XDP_L2RESP_STORE_BASE_H

#include "err.h"
#include "http.h"
#include "store.h"

struct store_base;

/* A swap on its way. */
struct store_swap {
	struct store_swap *next, *previous;
	struct store_base *base;
	struct http_call *call; /* where a swap has one of its own */
	struct record record;
	uint64_t seen; /* if so: the stream's revision when it was sent; 0: in a list */
};

struct store_base {
	struct store store; /* first: it is cast to this */
	sd_event *event;
	const struct store_events *events;
	void *userdata;

	/* Sends @swap, now or at the end of this turn of the event loop. */
	void (*send)(struct store_swap *swap);
	/* The stream doesn't show what was written, @again for the second time with nothing in
	 * between: begins another. */
	void (*lags)(struct store_base *base, bool again);

	bool following;	   /* there is to be a stream */
	bool listing;	   /* the stream is not past its list */
	uint64_t revision; /* the stream has shown everything up to this */

	char trouble[HTTP_TROUBLE_MAX]; /* the cause that was told; "": none */
	uint64_t trouble_usec;		/* when it was */
	uint64_t answered_usec;		/* when it last answered; 0: never */
	uint64_t full_usec; /* when it last showed more than there is room for; 0: never */
	sd_event_source *lag;
	uint64_t lag_ns;
	uint64_t progress;	    /* of the stream: messages that it brought */
	uint64_t expected_progress; /* @progress when the wait began */
	uint64_t awaited;	    /* revision that the stream must have reached then */
	uint64_t lagged_revision;   /* where it stood when it last lagged */
	struct store_swap *swaps;
};

/* Sets up all but send, lags and store.free. @lag_ns: how late the stream may be. */
int store_base_init(struct store_base *base, sd_event *event, uint64_t lag_ns,
		    const struct store_events *events, void *userdata, struct err *err);
/* Ends the swaps without a word, whose calls must still be there. */
void store_base_close(struct store_base *base);

/* @server, of what @kind, didn't answer: tells why, once, unless something else did within @lag_ns;
 * another cause a while later is told, too. Or something answered: tells so, once. */
void store_trouble(struct store_base *base, const char *kind, const char *server, const char *why);
void store_answered(struct store_base *base);

/* The stream showed more than there is room for: writes so to @text, to be told as trouble, which
 * ends when that is long ago. The stream is to begin anew after STORE_FULL_USEC, not before. */
#define STORE_FULL_USEC UINT64_C(5000000)
void store_full(struct store_base *base, char text[HTTP_TROUBLE_MAX]);

/* The stream is to show @revision soon. */
void store_expect(struct store_base *base, uint64_t revision);

/* Frees @swap and tells its result; record.revision is the new one. */
void store_swap_end(struct store_swap *swap, int result);

#endif
