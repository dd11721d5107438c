// SPDX-License-Identifier: GPL-2.0-or-later
/* Decides which Services may share an address. */
#include <stdlib.h>
#include <string.h>

#include "service.h"

static bool allows_namespace(const struct service *service, const char *namespace)
{
	return labels_get(&service->sharing_namespaces, "*") ||
	       labels_get(&service->sharing_namespaces, namespace);
}

/* Number of @service's ports, ascending, below @port; the first @at are. A galloping search: steps
 * double, then halve. */
static size_t skip_below(const struct service *service, size_t at, uint32_t port)
{
	const uint32_t *ports = service->ports;
	size_t step = 1;

	for (; at + step <= service->port_count && ports[at + step - 1] < port; step *= 2)
		at += step;
	for (; step; step /= 2)
		if (at + step <= service->port_count && ports[at + step - 1] < port)
			at += step;
	return at;
}

/* Takes time O(shorter list * log(longer list)), since tenants decide how many ports there are. */
static bool common_port(const struct service *a, const struct service *b)
{
	size_t at = 0, other = 0;

	while (at < a->port_count && other < b->port_count) {
		if (a->ports[at] == b->ports[other])
			return true;
		if (a->ports[at] < b->ports[other])
			at = skip_below(a, at, b->ports[other]);
		else
			other = skip_below(b, other, a->ports[at]);
	}
	return false;
}

static bool same_labels(const struct labels *a, const struct labels *b)
{
	for (size_t i = 0; i < a->count; i++) {
		const char *value = labels_get(b, a->list[i].key);

		if (!value || strcmp(value, a->list[i].value) != 0)
			return false;
	}
	return a->count == b->count;
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ?: "", b ?: "");
}

bool service_same_sharing(const struct service *a, const struct service *b)
{
	return a == b || (same_text(a->sharing_key, b->sharing_key) &&
			  same_labels(&a->sharing_namespaces, &b->sharing_namespaces) &&
			  a->port_count == b->port_count &&
			  (!a->port_count ||
			   !memcmp(a->ports, b->ports, a->port_count * sizeof(*a->ports))) &&
			  a->local == b->local && same_text(a->pods, b->pods));
}

const char *service_pair_conflict(const struct service *a, const struct service *b)
{
	if (strcmp(a->namespace, b->namespace) != 0 &&
	    (!allows_namespace(a, b->namespace) || !allows_namespace(b, a->namespace)))
		return "another namespace, not permitted by both";
	return common_port(a, b) ? "the same port and protocol" : NULL;
}

const char *service_sharing_conflict(const struct service *a, const struct service *b)
{
	const char *why;

	if (!a->sharing_key || !b->sharing_key || strcmp(a->sharing_key, b->sharing_key) != 0)
		return "another sharing key";
	why = service_pair_conflict(a, b);
	if (why)
		return why;
	if (a->local != b->local)
		return "another external traffic policy";
	/* a selector selects pods of its own namespace */
	if (a->local && strcmp(a->namespace, b->namespace) != 0)
		return "external traffic policy Local in another namespace";
	if (a->local && (!a->pods || !b->pods))
		return "external traffic policy Local, and one has no selector";
	if (a->local && strcmp(a->pods, b->pods) != 0)
		return "external traffic policy Local for other pods";
	return NULL;
}
