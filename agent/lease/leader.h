/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One of all agents at a time does what must be done once: whoever has the session of a heartbeat
 * that all share. The rules, and the proof, are those of the leases (docs/leases.md). */
#ifndef XDP_L2RESP_LEADER_H
#define XDP_L2RESP_LEADER_H

#include <stdbool.h>

#include "kube.h"

struct leader;

struct leader_callbacks {
	/* It leads from now on, or no longer. */
	void (*changed)(void *userdata);
	/* After leader_stop(): nobody need wait for it. */
	void (*stopped)(void *userdata);
	void (*log)(int priority, const char *text, void *userdata);
};

/*
 * A candidate for the Lease called @name in the namespace of @kube, once leader_begin() says so.
 * @node is for people. All is copied but @kube. Errors with @err.
 */
int leader_new(sd_event *event, struct kube *kube, const char *name, const char *node,
	       const struct leader_callbacks *callbacks, void *userdata, struct leader **ret_leader,
	       struct err *err);

/* Doesn't give the Lease back: a request may be under way. NULL is fine. */
void leader_free(struct leader *leader);

/* Tries to lead from now on. Further calls do nothing. */
void leader_begin(struct leader *leader);

/* Gives the Lease back, for good. No request may be under way that was sent while it led. */
void leader_stop(struct leader *leader);

/*
 * May a request be sent now? Its successor begins only once every request that was sent while this
 * was true, given up after KUBE_WRITE_NS, is over.
 */
bool leader_leads(const struct leader *leader);

#endif
