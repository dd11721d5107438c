/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends changes of the desired addresses to the lease thread and handles its news. Periodically
 * compares the maps with the entries that they should have. All work is split into turns of bounded
 * time.
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
	/* Can @row answer, regardless of its carrier? */
	desired_ready_fn *ready;
	void *ready_data;
	/* This node has begun to answer for @address on @ifindex. */
	void (*entered)(const struct address *address, uint32_t ifindex, void *userdata);
	/* A comparison has ended. @err: why the entries can't be read; NULL: they were. */
	void (*compared)(const struct err *err, void *userdata);
};

/* All are borrowed. */
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

/* Starts a pass that sends the differences to the lease thread, after the one under way. Keeps
 * @desired until the next call; the caller may change its contents until then. */
void reconcile_desired(struct reconcile *reconcile, const struct desired *desired);

/* All sources have been read, and the leases that this node held are known: leases and entries that
 * aren't desired are removed from now on, and not before. */
void reconcile_known(struct reconcile *reconcile);

/* The lease thread was reconfigured: sends all wishes again with the next pass. */
void reconcile_again(struct reconcile *reconcile);

/* Handles news of the lease thread. */
void reconcile_news(struct reconcile *reconcile, const struct lease_news *news);

/* Begins to compare the maps with the desired entries, unless that is under way. */
void reconcile_compare(struct reconcile *reconcile);

/* Announces all addresses that this node answers for again, on @ifindex, or on all interfaces if it
 * is 0. */
void reconcile_refresh(struct reconcile *reconcile, uint32_t ifindex);

/* Number of entries that the maps need for each family if this node gains every lease. */
void reconcile_count(const struct reconcile *reconcile, size_t ret_count[PINS_FAMILIES]);

/* Has the lease thread received all wishes? */
bool reconcile_pass_done(const struct reconcile *reconcile);

/* Does this node hold the lease of @address, according to the last news? */
bool reconcile_holds(const struct reconcile *reconcile, const struct address *address);

/* reconcile_holds() of a target of the last reconcile_desired(), for those who ask about all.
 * *@ret_silent: reconcile_why_silent(). */
bool reconcile_holds_target(const struct reconcile *reconcile, const struct target *target,
			    enum reason *ret_silent);

/* The desired entries of @address: their interfaces and MACs. Borrowed. */
const struct lease_place *reconcile_places(const struct reconcile *reconcile,
					   const struct address *address, size_t *ret_count);

/* Why @address has no entry of the agent's on one of its interfaces although its lease is held. */
enum reason reconcile_why_silent(const struct reconcile *reconcile, const struct address *address);

struct reconcile_figures {
	uint64_t compared, last_ns, worst_ns;
};

const struct reconcile_figures *reconcile_figures(const struct reconcile *reconcile);

#endif
