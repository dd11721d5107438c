/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people are told on a Service: who announces its addresses, and that nobody may. */
#ifndef XDP_L2RESPD_SERVICE_EVENTS_H
#define XDP_L2RESPD_SERVICE_EVENTS_H

#include "desired.h"
#include "lease_thread.h"
#include "policy.h"
#include "reconcile.h"
#include "source.h"

/* What is known here, at the moment. Borrowed. */
struct service_view {
	struct source *source;
	const struct desired *desired;
	const struct link_table *links;
	const struct reconcile *reconcile;
	struct lease_thread *thread;
	const char *node;
	struct service_class class;
	bool shared; /* the store says what other nodes hold */
	struct policy_input input;
	/* why this node doesn't announce an address, whoever else does */
	void (*why)(const struct address *address, struct why *ret_why, void *userdata);
	void *userdata;
	uint64_t duration_ns; /* of a lease */
};

typedef void service_view_fn(struct service_view *ret_view, void *userdata);

struct service_events;

/* Errors of timers with @err. */
int service_events_new(sd_event *event, service_view_fn *view, void *userdata,
		       struct service_events **ret_events, struct err *err);
/* NULL is fine. */
void service_events_free(struct service_events *events);

/* This node answers for @address on @ifindex from now on. */
void service_events_answered(struct service_events *events, const struct address *address,
			     uint32_t ifindex);

#endif
