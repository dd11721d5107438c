/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has which address: one Service, several that share it, and those that it was taken from while
 * their status may still name it. */
#ifndef XDP_L2RESPD_HOLDING_H
#define XDP_L2RESPD_HOLDING_H

#include <stdbool.h>
#include <stddef.h>

#include "address_list.h"
#include "service.h"

struct holder {
	const struct service *service;
	bool lingering; /* taken back, and not yet seen to be gone from its status */
};

struct holding {
	struct address address;
	struct holder *list;
	size_t count, capacity;
};

/* All zero is an empty one. */
struct holdings {
	void *by_address; /* tsearch(3) trees */
	void *by_key;
};

void holdings_free(struct holdings *holdings);

/* Who has @address, or NULL: nobody. */
struct holding *holdings_find(const struct holdings *holdings, const struct address *address);

/* Adds @service, which isn't there yet and stays valid until it leaves. Returns whether it is the
 * first. */
bool holdings_join(struct holdings *holdings, const struct address *address,
		   const struct service *service, bool lingering);

/* Removes @service again. Returns whether it was the last. */
bool holdings_leave(struct holdings *holdings, const struct address *address,
		    const struct service *service);

/* Why @service can't have it too; NULL: it can. @lingering: those who linger have a say too. */
const char *holding_refuses(const struct holding *holding, const struct service *service,
			    bool lingering);

/* The addresses that Services with @service's key have, in ascending order; NULL: there are none,
 * or its ports are on all of them. Valid until the next join or leave. */
const struct address_list *holdings_to_share(const struct holdings *holdings,
					     const struct service *service);

#endif
