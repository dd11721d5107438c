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
	bool mark;     /* it writes etcd's mark, too */
};

struct store_base {
	struct store store; /* first: it is cast to this */
	sd_event *event;
	const struct store_events *events;
	void *userdata;

	/* Sends @swap, now or at the end of this turn of the event loop. */
	void (*send)(struct store_swap *swap);
	/* The stream doesn't show a write in time: starts a new stream. @again: its revision is
	 * the same as at the last such call. */
	void (*lags)(struct store_base *base, bool again);

	bool following;	   /* there is to be a stream */
	bool listing;	   /* the stream is not past its list */
	uint64_t revision; /* the stream has shown everything up to this */

	char trouble[HTTP_TROUBLE_MAX]; /* the cause last reported; "": none */
	uint64_t trouble_usec;		/* when it was reported */
	uint64_t answered_usec;		/* when it last answered; 0: never */
	uint64_t full_usec;		/* when the stream last had more than fits; 0: never */
	uint64_t changes;		/* that the stream has shown, after its list */
	uint64_t quiet_changes;		/* @changes at the trouble before */
	uint64_t quiet_usec; /* since that trouble it has shown none; 0: there was none */
	bool deaf;	     /* the cause is that: an answer to a request doesn't end it */
	sd_event_source *lag;
	uint64_t lag_ns;
	uint64_t progress;	    /* of the stream: messages that it brought */
	uint64_t expected_progress; /* @progress when the wait began */
	uint64_t awaited;	    /* revision to reach before the timer ends */
	uint64_t lagged_revision;   /* where it stood when it was last begun again for that */
	struct store_swap *swaps;
};

/* Sets up all but send, lags and store.free. @lag_ns: how late the stream may be. */
int store_base_init(struct store_base *base, sd_event *event, uint64_t lag_ns,
		    const struct store_events *events, void *userdata, struct err *err);
/* Frees all swaps without reporting a result, while their calls still exist. */
void store_base_close(struct store_base *base);

/* store_trouble(): reports that @server, a @kind, failed, unless one answered within lag_ns and the
 * stream shows changes: if there is trouble for twice that and it shows none, answers are of no
 * use. Reports another cause after 10 s or more. store_answered(): reports the first answer. */
void store_trouble(struct store_base *base, const char *kind, const char *server, const char *why);
void store_answered(struct store_base *base);

/* The stream has more records than fit: writes the message for store_trouble() to @text. Answers
 * don't clear it for 6 * STORE_FULL_USEC. Restart the stream after STORE_FULL_USEC, not before. */
#define STORE_FULL_USEC UINT64_C(5000000)
void store_full(struct store_base *base, char text[HTTP_TROUBLE_MAX]);

/* The own heartbeat was refused: somebody else wrote it, and the stream hasn't shown that. True
 * once for each revision at which it stands: begin it again, on a new connection. */
bool store_hides(struct store_base *base);

/* The stream is to show @revision soon. */
void store_expect(struct store_base *base, uint64_t revision);

/* Frees @swap and reports @result. On success record.revision must be the new one. */
void store_swap_end(struct store_swap *swap, int result);

#endif
