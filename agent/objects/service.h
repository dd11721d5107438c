/* SPDX-License-Identifier: GPL-2.0-or-later */
/* v1 Service: its addresses, and what it asks of the address pools (Cilium's LB-IPAM). */
#ifndef XDP_L2RESPD_SERVICE_H
#define XDP_L2RESPD_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "address_list.h"
#include "err.h"
#include "field.h"
#include "selector.h"

/* Annotation of a Service: the node that should hold its addresses. */
#define SERVICE_PREFERRED_NODE "xdp-l2resp.io/preferred-node"

/* A port as one number: @protocol is 0 for TCP, 1 for UDP, 2 for SCTP. */
#define SERVICE_PORT(protocol, number) ((uint32_t)(protocol) << 16 | (uint32_t)(number))

/* Shared (service_ref()), and the same for its lifetime but for load_balancer. */
struct service {
	unsigned int references;
	char *namespace;
	char *name;
	char *uid;			   /* NULL: none, in a file */
	char *created;			   /* metadata.creationTimestamp; "" where there is none */
	struct labels labels;		   /* with the pseudo-labels that policies may select by */
	char *class;			   /* spec.loadBalancerClass; NULL: unset */
	bool wants_load_balancer;	   /* spec.type LoadBalancer */
	struct address_list external;	   /* spec.externalIPs */
	struct address_list load_balancer; /* status.loadBalancer.ingress[].ip */
	char *preferred_node;		   /* annotation; NULL: none */
	/* spec.loadBalancerIP, then lbipam.cilium.io/ips, each once; none: any of its families */
	struct address_list requested;
	bool v4, v6;
	char *sharing_key;	  /* NULL: shares with nobody */
	char *sharing_namespaces; /* comma-separated; NULL: its own alone */
	uint32_t *ports;	  /* SERVICE_PORT(), ascending */
	size_t port_count;
	bool local;		/* externalTrafficPolicy Local */
	bool publish_not_ready; /* publishNotReadyAddresses */
	struct labels pods;	/* spec.selector */
};

/*
 * The Service @object. What isn't an address where one should be is noted and counts as absent, as
 * with Cilium. -EINVAL with @err for a field that no API server would accept. The caller unrefs
 * *ret_service.
 */
int service_parse(const struct place *place, const json_t *object, object_note_fn *note, void *data,
		  struct service **ret_service, struct err *err);

struct service *service_ref(struct service *service);
void service_unref(struct service *service);

/* Does @service want a load balancer of one of @classes (NULL-terminated), or of any? */
bool service_has_class(const struct service *service, const char *const *classes);

/* By namespace and name. */
int service_compare_names(const struct service *a, const struct service *b);

/* The order in which pools serve Services: the older first, then by namespace and name. */
int service_compare_age(const struct service *a, const struct service *b);

/* Are @a and @b the same in what service_sharing_conflict() looks at? */
bool service_same_sharing(const struct service *a, const struct service *b);

/* Why @a and @b can't share an address; NULL: they can. */
const char *service_sharing_conflict(const struct service *a, const struct service *b);

#endif
