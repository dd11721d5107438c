/* SPDX-License-Identifier: GPL-2.0-or-later */
/* v1 Service: its addresses, and its requests to address pools (Cilium's LB-IPAM). */
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

/* Pseudo-labels of each Service, by which policies can select. */
#define SERVICE_LABEL_PREFIX "io.kubernetes.service."

/* A port as one number: @protocol is 0 for TCP, 1 for UDP, 2 for SCTP. */
#define SERVICE_PORT(protocol, number) ((uint32_t)(protocol) << 16 | (uint32_t)(number))

/* Maximum length of what the pools' allocator compares with that of many other Services. */
#define SERVICE_TERM_MAX 16384

/* Separators in annotations that are lists; Cilium splits at commas and trims. */
#define SERVICE_SEPARATORS ", \t"

/* Refcounted (service_ref()). Constant once made, except load_balancer. */
struct service {
	unsigned int references;
	char *namespace;
	char *name;
	char *uid;			   /* NULL: none, in a file */
	char *created;			   /* metadata.creationTimestamp; "": none */
	struct labels labels;		   /* with the pseudo-labels that policies may select by */
	char *class;			   /* spec.loadBalancerClass; NULL: unset */
	bool wants_load_balancer;	   /* spec.type LoadBalancer */
	struct address_list external;	   /* spec.externalIPs */
	struct address_list load_balancer; /* status.loadBalancer.ingress[].ip */
	struct announce_options announce;
	/* spec.loadBalancerIP, then lbipam.cilium.io/ips, each once; none: any of its families */
	struct address_list requested;
	bool v4, v6;
	char *pool;			  /* name of the pool for its addresses; NULL: any */
	char *sharing_key;		  /* NULL: it doesn't share addresses */
	struct labels sharing_namespaces; /* without values; none: only its own */
	uint32_t *ports;		  /* SERVICE_PORT(), ascending */
	size_t port_count;
	bool local;		/* externalTrafficPolicy Local */
	bool publish_not_ready; /* publishNotReadyAddresses */
	char *pods;		/* spec.selector, sorted; NULL: none */
};

/*
 * Parses the Service @object. Invalid addresses are noted and ignored, as in Cilium. -EINVAL with
 * @err: another field is invalid. The caller unrefs *@ret_service.
 */
int service_parse(const struct place *place, const json_t *object, object_note_fn *note, void *data,
		  struct service **ret_service, struct err *err);

struct service *service_ref(struct service *service);
void service_unref(struct service *service);

/* The addresses to announce, external and load balancer's: how many, and added to @list. */
size_t service_address_count(const struct service *service);
void service_add_addresses(const struct service *service, struct address_list *list);

/* What @service may take of this process' memory, in bytes, with all that is known of its addresses
 * elsewhere: claims, entries, announcements. Of the addresses that it requests, those count that it
 * hasn't been given yet: a directory's pools give them without another look at the cost. */
#define SERVICE_ADDRESS_COST 2048 /* each */
size_t service_cost(const struct service *service);

/* The loadBalancerClass that this agent serves. */
struct service_class {
	const char *name;
	bool required; /* don't serve LoadBalancer Services without a class */
};

/* Text for messages: the class of a Service that isn't served. */
const char *service_class_text(const struct service *service);

/* Is @service served by an agent of @class? True for Services of other types, which have no class.
 */
bool service_is_of(const struct service *service, const struct service_class *class);

/* By namespace and name. */
int service_compare_names(const struct service *a, const struct service *b);

/* The order in which pools serve Services: oldest first, then by namespace and name. */
int service_compare_age(const struct service *a, const struct service *b);

/* Are @a and @b equal in all fields that service_sharing_conflict() checks? */
bool service_same_sharing(const struct service *a, const struct service *b);

/* Why @a and @b can't share an address; NULL: they can. */
const char *service_sharing_conflict(const struct service *a, const struct service *b);

/* The same of Services whose sharing key, traffic policy and selector are known to be the same, and
 * their namespace if the policy is Local. */
const char *service_pair_conflict(const struct service *a, const struct service *b);

#endif
