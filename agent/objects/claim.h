/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a Service asks of the address pools, and with whom it may share an address: Cilium 1.16's
 * LB-IPAM. */
#ifndef XDP_L2RESPD_CLAIM_H
#define XDP_L2RESPD_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "address_list.h"
#include "err.h"
#include "field.h"
#include "selector.h"

/* Set once, then shared: see claim_ref(). */
struct claim {
	unsigned int references;
	char *namespace;
	char *name;
	char *created;	      /* metadata.creationTimestamp; "" where there is none */
	struct labels labels; /* with the pseudo-labels */
	bool load_balancer;   /* spec.type LoadBalancer */
	char *class;	      /* spec.loadBalancerClass; NULL: unset */
	/* spec.loadBalancerIP, then lbipam.cilium.io/ips, each once; none: any of its families */
	struct address_list requested;
	bool v4, v6;
	char *sharing_key;	  /* NULL: shares with nobody */
	char *sharing_namespaces; /* comma-separated; NULL: its own alone */
	uint16_t *ports;
	size_t port_count;
	bool local;	    /* externalTrafficPolicy Local */
	struct labels pods; /* spec.selector */
};

/* Told of a request that isn't an address: it counts as absent, as with Cilium. */
typedef void claim_note_fn(const char *text, void *data);

/*
 * The claim of @object, a v1 Service called @namespace/@name with @labels. -EINVAL for a field that
 * no API server would take, -ENOMEM, with @err. The caller unrefs *ret_claim.
 */
int claim_parse(const struct place *place, const json_t *object, const char *namespace,
		const char *name, const struct labels *labels, claim_note_fn *note, void *data,
		struct claim **ret_claim, struct err *err);

struct claim *claim_ref(struct claim *claim);
void claim_unref(struct claim *claim);

/* The documented order: the older first, then by namespace and name. */
int claim_compare(const struct claim *a, const struct claim *b);

/* Do @a and @b say the same of what claim_incompatible() looks at? */
bool claim_same_terms(const struct claim *a, const struct claim *b);

/* Why @a and @b can't share an address; NULL: they can. */
const char *claim_incompatible(const struct claim *a, const struct claim *b);

#endif
