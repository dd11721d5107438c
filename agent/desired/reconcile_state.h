/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of reconcile share. */
#ifndef XDP_L2RESPD_RECONCILE_STATE_H
#define XDP_L2RESPD_RECONCILE_STATE_H

#include "hash.h"
#include "reconcile.h"

/* An address that the lease thread knows, from a wish that we sent or from its own news. */
struct tracked {
	struct address address;
	bool sent; /* the lease thread has the wish below */
	bool wanted, last_resort;
	struct preferred_group group;
	uint64_t service_hash;
	struct lease_place *places;
	size_t place_count;
	bool filtered; /* an entry has, had or may have had a MAC other than its interface's */
	uint8_t slot;  /* from the news: lease slot of its entries; 0: not held */
	enum reason silent_reason; /* from the news: held, but an interface has no entry */
	uint64_t found_by; /* the last comparison that found entries, and how many it found */
	size_t found_count;
	UT_hash_handle hh;
};

struct reconcile {
	struct reconcile_parts parts;
	sd_event_source *work;
	struct tracked *tracked; /* by address */
	const struct desired *desired;

	/* A pass goes over the addresses that were desired when it began, then over the tracked
	 * ones. A change of what is desired doesn't interrupt it: else wishes could wait for ever
	 * behind others that are always new. */
	struct address *addresses;
	size_t address_count, next;
	bool again;		     /* another pass follows */
	struct tracked **tracked_at; /* of desired->list's addresses; NULL: not looked up yet */
	struct tracked *next_tracked;
	enum {
		PASS_NONE,
		PASS_DESIRED,
		PASS_UNDESIRED,
		PASS_SETTLE,
	} at;
	bool known, settled;
	bool pass_known; /* @known, when the pass began */

	/* a comparison goes over the entries first, then over the tracked addresses */
	enum {
		COMPARE_NONE,
		COMPARE_ENTRIES,
		COMPARE_TRACKED,
	} comparing;
	struct tracked *next_compare;
	uint64_t compare_begun_ns;
	unsigned int settled_compares;

	struct tracked *next_refresh;
	uint32_t refresh_on; /* 0: all interfaces */
	struct reconcile_figures figures;
};

/* NULL: @address isn't tracked. */
struct tracked *reconcile_find(const struct reconcile *reconcile, const struct address *address);
/* @tracked's entry on @ifindex; NULL: none, or @tracked is NULL. */
const struct lease_place *reconcile_find_place(const struct tracked *tracked, uint32_t ifindex);

/* The next step of the comparison. */
void reconcile_compare_step(struct reconcile *reconcile);

#endif
