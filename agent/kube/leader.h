/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One of all agents at a time does what must be done once: by a Lease object, as client-go elects
 * leaders. Nobody's clock counts but its own. */
#ifndef XDP_L2RESPD_LEADER_H
#define XDP_L2RESPD_LEADER_H

#include <stdbool.h>

#include "kube.h"

struct leader;

struct leader_callbacks {
	/* It leads from now on, or no longer. */
	void (*changed)(void *userdata);
	void (*log)(int priority, const char *text, void *userdata);
};

/*
 * A candidate for the Lease called @name in the namespace of @kube, once leader_want() says so.
 * @node begins its identity, which no other process has. Errors with @err.
 */
int leader_new(sd_event *event, struct kube *kube, const char *name, const char *node,
	       const struct leader_callbacks *callbacks, void *userdata, struct leader **ret_leader,
	       struct err *err);

/* Doesn't give the Lease back: a request may be under way. NULL is fine. */
void leader_free(struct leader *leader);

/* Whether it tries to lead. Who leads goes on. */
void leader_want(struct leader *leader, bool want);

/*
 * May a request be sent now? Its successor begins only once every request that was sent while this
 * was true, given up after KUBE_WRITE_NS, is over.
 */
bool leader_leads(const struct leader *leader);

#endif
