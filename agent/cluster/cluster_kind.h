/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kind of objects that is followed: can it be read, and does the server know it? */
#ifndef XDP_L2RESPD_CLUSTER_KIND_H
#define XDP_L2RESPD_CLUSTER_KIND_H

#include "kube.h"
#include "source_base.h"

struct cluster_kind {
	struct kube *kube;
	struct source *source; /* whose callback logs */
	const char *name;
	bool known;		/* was listed completely once, is absent, or isn't needed */
	bool absent;		/* the server has not known it for long enough: no objects count */
	uint64_t missing_at_ns; /* since when the server doesn't know it; 0: it does */
	struct err trouble;	/* why it can't be read; empty: it can */
};

/* Logs @text, with the server and the kind before it. */
void cluster_kind_log(const struct cluster_kind *kind, int priority, const char *text);
/* The same for one of its objects; @origin as in source_callbacks. */
void cluster_kind_log_of(const struct cluster_kind *kind, int priority, const char *origin,
			 const char *text);

/* As reachable() of kube_watch_events. */
void cluster_kind_reachable(struct cluster_kind *kind, const char *trouble);

/* The server doesn't know the kind. True once, when this has lasted: no object of it counts any
 * more. Logs @warning when it begins. */
bool cluster_kind_missing(struct cluster_kind *kind, const char *warning);

/* The kind isn't followed any more. */
void cluster_kind_unfollow(struct cluster_kind *kind);

/* Adds its state to @status, whose trouble, if any, stays. */
void cluster_kind_status(const struct cluster_kind *kind, struct source_status *status);

#endif
