/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Services that hold each address: one, several that share it, and those that have lost it but
 * whose status may still have it (lingering). */
#ifndef XDP_L2RESPD_HOLDING_H
#define XDP_L2RESPD_HOLDING_H

#include <stdbool.h>
#include <stddef.h>

#include "address_list.h"
#include "service.h"

struct holder {
	const struct service *service;
	bool lingering; /* has lost the address, but its status may still have it */
};

struct holding {
	struct address address;
	struct holder *list;
	size_t count, capacity;
};

/* Zeroed: empty. */
struct holdings {
	void *by_address; /* tsearch(3) trees */
	void *by_key;
};

void holdings_free(struct holdings *holdings);

/* The holding of @address; NULL: no Service has it. */
struct holding *holdings_find(const struct holdings *holdings, const struct address *address);

/* Adds @service, which must not be in the holding yet and must stay valid until it leaves. Returns
 * whether it is the first. */
bool holdings_join(struct holdings *holdings, const struct address *address,
		   const struct service *service, bool lingering);

/* Removes @service. Returns whether it was the last. */
bool holdings_leave(struct holdings *holdings, const struct address *address,
		    const struct service *service);

/* Why @service can't share the address; NULL: it can. @lingering: lingering Services count, too. */
const char *holding_refuses(const struct holding *holding, const struct service *service,
			    bool lingering);

/* The addresses of Services with @service's sharing key, in ascending order. NULL: there are none,
 * or one of its ports is in use on all of them. Valid until the next join or leave. */
const struct address_list *holdings_to_share(const struct holdings *holdings,
					     const struct service *service);

#endif
