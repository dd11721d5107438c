/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of a Service's status that depends on the verdict of pools: addresses and a condition.
 */
#ifndef XDP_L2RESPD_SERVICE_STATUS_H
#define XDP_L2RESPD_SERVICE_STATUS_H

#include "allocator.h"
#include "source_items.h"

/* Does the status of @item, whose Service is @service, agree with @verdict? @conditions: the server
 * keeps conditions of Services. */
bool service_status_is(const struct source_item *item, const struct service *service,
		       const struct verdict *verdict, bool conditions);

/* A strategic merge patch that makes it agree, unless @item has changed by then: a new reference.
 */
json_t *service_status_patch(const struct source_item *item, const struct verdict *verdict,
			     bool conditions);

#endif
