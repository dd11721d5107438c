/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has which address: one Service, several that share it, and those that it was taken from while
 * their status may still name it. */
#ifndef XDP_L2RESPD_HOLDING_H
#define XDP_L2RESPD_HOLDING_H

#include <stdbool.h>
#include <stddef.h>

#include "address_list.h"
#include "claim.h"

struct holder {
	const struct claim *claim;
	bool lingering; /* taken back, and not yet seen to be gone from its status */
};

struct holding {
	struct address address;
	struct holder *list;
	size_t count;
};

/* All zero is an empty one. */
struct holdings {
	void *by_address; /* tsearch(3) trees */
	void *by_key;
};

void holdings_free(struct holdings *holdings);

/* Who has @address, or NULL: nobody. */
struct holding *holdings_find(const struct holdings *holdings, const struct address *address);

/* Adds @claim, which isn't there yet and stays valid until it leaves. -ENOMEM; 1 if it is the
 * first. */
int holdings_join(struct holdings *holdings, const struct address *address,
		  const struct claim *claim, bool lingering);

/* Takes @claim out again. Returns whether it was the last. */
bool holdings_leave(struct holdings *holdings, const struct address *address,
		    const struct claim *claim);

/* Why @claim can't have it too; NULL: it can. @lingering: those who linger have a say too. */
const char *holding_refuses(const struct holding *holding, const struct claim *claim,
			    bool lingering);

/* The addresses that Services with @key have, in ascending order; NULL: none. Valid until the next
 * join or leave. */
const struct address_list *holdings_of_key(const struct holdings *holdings, const char *key);

#endif
