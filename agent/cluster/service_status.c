// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>

#include "condition.h"
#include "service_status.h"

static struct condition condition_of(const struct source_item *item, const struct verdict *verdict)
{
	return (struct condition){ CONDITION_SATISFIED, verdict->satisfied ? "True" : "False",
				   verdict->reason, verdict->message, item->generation };
}

bool service_status_is(const struct source_item *item, const struct service *service,
		       const struct verdict *verdict, bool conditions)
{
	const struct condition wanted = condition_of(item, verdict);

	if (!verdict->ours)
		return !conditions || !condition_find(item->status, CONDITION_SATISFIED);
	return address_list_equal(&service->load_balancer, &verdict->addresses) &&
	       (!conditions || condition_is(item->status, &wanted));
}

json_t *service_status_patch(const struct source_item *item, const struct verdict *verdict,
			     bool conditions)
{
	json_t *ingress = json_array(), *body;
	char version[24];

	for (size_t i = 0; i < verdict->addresses.count; i++) {
		char ip[INET6_ADDRSTRLEN];

		json_array_append_new(ingress,
				      json_pack("{ss}", "ip",
						address_format(&verdict->addresses.list[i], ip)));
	}
	snprintf(version, sizeof(version), "%" PRIu64, item->version);
	body = json_pack("{s{ss} s{s{so}}}", "metadata", "resourceVersion", version, "status",
			 "loadBalancer", "ingress", ingress);
	if (conditions) {
		struct condition wanted = condition_of(item, verdict);

		if (!verdict->ours)
			wanted.state = NULL;
		json_object_set_new(json_object_get(body, "status"), "conditions",
				    condition_patch(item->status, &wanted));
	}
	return body;
}
