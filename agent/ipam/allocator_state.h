/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The allocator's state of each Service. Only for allocator.c and decision.c. */
#ifndef XDP_L2RESPD_ALLOCATOR_STATE_H
#define XDP_L2RESPD_ALLOCATOR_STATE_H

#include <stdlib.h>

#include "alloc.h"
#include "holding.h"
#include "stock.h"
#include "verdict.h"

struct allocator_service {
	struct service *service;     /* of the verdict and the holdings; NULL: new */
	struct service *next;	     /* set last; NULL: removed */
	struct address_list written; /* set with next */
	struct address_list before;  /* during a decision: its previous addresses */
	bool steady;		     /* its terms of sharing haven't changed */
	struct address_list lingering;
	struct verdict verdict;
	bool dirty;   /* in the allocator's list dirty */
	bool waiting; /* in the allocator's tree waiting */
	bool set;     /* set since the last sweep */
};

struct allocator_services {
	struct allocator_service **list;
	size_t count, capacity;
};

/* An address that a Service had before the decision. */
struct former {
	struct allocator_service *state;
	struct address address;
};

/* A decision under way. Zeroed: none is. */
struct decision {
	size_t phase, at; /* the next step */
	void *by_age;	  /* tsearch(3) tree of the dirty states, until they are sorted */
	struct former *formers;
	size_t former_count, former_capacity;
	struct allocator_services lacking; /* these may get addresses, the oldest first */
};

struct allocator {
	const struct service_class *class;
	struct stocks stocks;
	struct holdings holdings;
	void *by_name; /* tsearch(3) trees of the states */
	void *waiting; /* by age, Services that lack an address */
	struct allocator_services dirty;
	struct allocator_services others; /* not dirty, but their verdict changed */
	struct decision decision;
	const struct verdict **verdicts;
	struct pool_status *shown; /* as of the last decision; owns pools and messages */
	size_t shown_count;
	/* waiting Services may get an address now: one was freed, or may be shared */
	bool opened;
};

static inline void allocator_services_add(struct allocator_services *states,
					  struct allocator_service *state)
{
	ALLOC_GROW(states->list, states->count, states->capacity);
	states->list[states->count++] = state;
}

static inline void allocator_services_free(struct allocator_services *states)
{
	free(states->list);
	*states = (struct allocator_services){};
}

void allocator_service_free(void *state);

#endif
