/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper from within: for lease_keeper_work.c, which writes entries, lease_keeper_maps.c, and
 * lease_keeper_callbacks.c, which hears of claims. */
#ifndef XDP_L2RESP_LEASE_KEEPER_STATE_H
#define XDP_L2RESP_LEASE_KEEPER_STATE_H

#include "hash.h"
#include "lease_keeper.h"
#include "lease_stamp.h"
#include "leased.h"
#include "log.h"

struct kept_place {
	struct lease_place at;
	enum lease_place_state state;
	bool unchecked;	       /* the state is of before: to be written again, changed or not */
	bool wanted;	       /* else its entry is to go, and the place after that */
	bool entered, removed; /* not reported yet */
};

/* An address that is wished for, or whose claim is held. */
struct kept {
	struct address address;
	uint8_t slot;	 /* its claim is held; 0: it isn't */
	enum reason why; /* it isn't wanted */
	bool clean;	 /* there is no entry of it in the map */
	bool in_backlog, in_news;
	struct kept *next_in_backlog, *next_in_news;
	struct kept_place *places;
	size_t place_count;
	UT_hash_handle hh;
};

struct kept_queue {
	struct kept *first, **last;
};

/* Lines of the log that there may be one of for each address. */
enum keeper_log {
	KEEPER_LOG_GAINED,
	KEEPER_LOG_LOST,
	KEEPER_LOG_FAILED,
	KEEPER_LOG_REPAIRED,
	KEEPER_LOG_SAID, /* by the lease machine */
	KEEPER_LOG_COUNT,
};

struct keeper {
	struct leased *leased;
	struct lease_stamper *stamper;
	uint64_t duration_ns;
	uint8_t stamped_slot; /* the last stamp */
	uint64_t stamped_ns;  /* 0: none in these maps */
	const struct lease_machine *machine;
	struct keeper_events events;
	void *userdata;
	sd_event_source *work;
	struct kept *kept;	   /* by address */
	struct kept_queue backlog; /* entries are to be written, or deleted */
	struct kept_queue news;
	struct lease_entries figures;
	bool notified_full; /* since it was last looked which maps are pinned */
	size_t logged_by_hand;
	struct log_limit limits[KEEPER_LOG_COUNT];
};

/* The table's entry of @address, made where there is none. */
struct kept *kept_get(struct keeper *keeper, const struct address *address);

void kept_place_set(struct keeper *keeper, struct kept_place *place, enum lease_place_state state);

/* @kept has entries to be written or deleted; something about it is to be reported. */
void keeper_write_later(struct keeper *keeper, struct kept *kept);
void keeper_notify_later(struct keeper *keeper, struct kept *kept);

/* Deletes the entries of @kept wherever one may be. -EAGAIN: to be repeated. */
int keeper_remove_all(struct keeper *keeper, struct kept *kept);

#endif
