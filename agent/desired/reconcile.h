/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Passes what is desired on to the lease thread, only what changed, and receives its results.
 * Compares the maps with what should be in them now and then. All work is split into turns of
 * bounded time.
 */
#ifndef XDP_L2RESPD_RECONCILE_H
#define XDP_L2RESPD_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "announcer.h"
#include "desired.h"
#include "err.h"
#include "lease_thread.h"
#include "links.h"
#include "program.h"

struct reconcile;

struct reconcile_callbacks {
	/* Can @row answer, apart from its carrier? */
	desired_ready_fn *ready;
	void *ready_data;
	/* This node answers for @address on @ifindex from now on. */
	void (*entered)(const struct address *address, uint32_t ifindex, void *userdata);
};

/* Borrows all. */
struct reconcile_parts {
	sd_event *event;
	struct lease_thread *thread;
	struct program *program;
	const struct links *links;
	struct announcer *announcer;
	struct no_room *no_room;
	struct reconcile_callbacks callbacks;
	void *userdata;
};

int reconcile_new(const struct reconcile_parts *parts, struct reconcile **ret_reconcile,
		  struct err *err);
void reconcile_free(struct reconcile *reconcile);

/* Tells the lease thread what differs from before. @desired is kept until the next call, and what
 * it says may change before it. */
void reconcile_desired(struct reconcile *reconcile, const struct desired *desired);

/* All sources are read, and the claims that this node held are known: from now on claims and
 * entries that aren't desired may be removed. */
void reconcile_known(struct reconcile *reconcile);

/* The lease thread has started afresh: it is told everything again. */
void reconcile_again(struct reconcile *reconcile);

/* The lease thread's news. */
void reconcile_news(struct reconcile *reconcile, const struct lease_news *news);

/* Compares the maps with what should be there. Errors with @err. */
int reconcile_compare(struct reconcile *reconcile, struct err *err);

/* Announces once more all that this node answers for, in turns. */
void reconcile_refresh(struct reconcile *reconcile);

/* How many entries of each family are to be in the maps, if all claims are gained. */
void reconcile_count(const struct reconcile *reconcile, size_t ret_count[PINS_FAMILIES]);

/* Has the lease thread been told all that is desired? */
bool reconcile_is_told(const struct reconcile *reconcile);

/* Is @address's claim held, by the last news? */
bool reconcile_holds(const struct reconcile *reconcile, const struct address *address);

/* The entries that @address is to have: on which devices, and with which MACs. Borrowed. */
const struct lease_place *reconcile_places(const struct reconcile *reconcile,
					   const struct address *address, size_t *ret_count);

/* Why it has no entry of the agent's on one of its devices, though its claim is held. */
enum reason reconcile_why_silent(const struct reconcile *reconcile, const struct address *address);

struct reconcile_figures {
	uint64_t compared, last_ns, worst_ns;
};

const struct reconcile_figures *reconcile_figures(const struct reconcile *reconcile);

#endif
