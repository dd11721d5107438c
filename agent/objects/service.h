/* SPDX-License-Identifier: GPL-2.0-or-later */
/* v1 Service: its addresses, and what it asks of the address pools (Cilium's LB-IPAM). */
#ifndef XDP_L2RESPD_SERVICE_H
#define XDP_L2RESPD_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "address_list.h"
#include "announce_options.h"
#include "err.h"
#include "field.h"
#include "selector.h"

/* Pseudo-labels that each Service has, for policies to select by. */
#define SERVICE_LABEL_PREFIX "io.kubernetes.service."

/* A port as one number: @protocol is 0 for TCP, 1 for UDP, 2 for SCTP. */
#define SERVICE_PORT(protocol, number) ((uint32_t)(protocol) << 16 | (uint32_t)(number))

/* In annotations that are lists; Cilium trims what it splits at commas. */
#define SERVICE_SEPARATORS ", \t"

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
	struct announce_options announce;
	/* spec.loadBalancerIP, then lbipam.cilium.io/ips, each once; none: any of its families */
	struct address_list requested;
	bool v4, v6;
	char *pool;		  /* its addresses are from this one; NULL: from any */
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

/* The loadBalancerClass that is served. */
struct service_class {
	const char *name;
	bool required; /* Services of type LoadBalancer without one are others', too */
};

/* What a Service of another class is said to have. */
const char *service_class_text(const struct service *service);

/* Is @service for who serves @class? Services of other types have no class, and are. */
bool service_is_of(const struct service *service, const struct service_class *class);

/* By namespace and name. */
int service_compare_names(const struct service *a, const struct service *b);

/* The order in which pools serve Services: the older first, then by namespace and name. */
int service_compare_age(const struct service *a, const struct service *b);

/* Are @a and @b the same in what service_sharing_conflict() looks at? */
bool service_same_sharing(const struct service *a, const struct service *b);

/* Why @a and @b can't share an address; NULL: they can. */
const char *service_sharing_conflict(const struct service *a, const struct service *b);

#endif
