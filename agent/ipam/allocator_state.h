/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the allocator remembers of each Service. Only for allocator and decision. */
#ifndef XDP_L2RESPD_ALLOCATOR_STATE_H
#define XDP_L2RESPD_ALLOCATOR_STATE_H

#include <stdlib.h>

#include "alloc.h"
#include "holding.h"
#include "stock.h"
#include "verdict.h"

struct service_state {
	struct service *service;     /* that the verdict and the holdings are of; NULL: new */
	struct service *next;	     /* that it was set to; NULL: gone */
	struct address_list written; /* with next */
	struct address_list before;  /* while it is decided: what it had */
	bool steady;		     /* with the same terms of sharing */
	struct address_list lingering;
	struct verdict verdict;
	bool dirty;   /* in the allocator's list of these */
	bool waiting; /* in the tree of these */
	bool set;     /* since the last sweep */
};

struct service_states {
	struct service_state **list;
	size_t count, capacity;
};

struct allocator {
	const struct service_class *class;
	struct stocks stocks;
	struct holdings holdings;
	void *by_name; /* tsearch(3) trees of the states */
	void *waiting; /* by age, those that lack an address */
	struct service_states dirty;
	struct service_states others; /* not dirty, but their verdict changed */
	const struct verdict **verdicts;
	/* those that wait may get something now: an address came free, or may be shared */
	bool opened;
};

static inline void states_add(struct service_states *states, struct service_state *state)
{
	ALLOC_GROW(states->list, states->count, states->capacity);
	states->list[states->count++] = state;
}

static inline void states_free(struct service_states *states)
{
	free(states->list);
	*states = (struct service_states){};
}

void state_free(void *state);

#endif
