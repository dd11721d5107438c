/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The condition on Services that says whether their addresses are announced: it outlives Events. */
#ifndef XDP_L2RESPD_KUBE_CONDITIONS_H
#define XDP_L2RESPD_KUBE_CONDITIONS_H

#include "announced.h"
#include "kube.h"

struct kube_conditions;
struct source;

/* In @node's name, of the items in @source. Both are borrowed, as is @kube. Errors with @err. */
int kube_conditions_new(sd_event *event, struct kube *kube, struct source *source, const char *node,
			struct kube_conditions **ret_conditions, struct err *err);
/* What isn't written is not written. NULL is fine. */
void kube_conditions_free(struct kube_conditions *conditions);

/*
 * To be written soon or late, if the Service has another one: 50 a second, after 100; of one
 * Service five in a row and then one a minute. Nobody waits for it. It must be said again and
 * again, every few seconds: what was refused or wasn't answered isn't tried by itself.
 *
 * "Unknown" takes the place of "True" only where this node has written that, and else of what a
 * leader has written: who knows more goes before who knows less.
 */
void kube_conditions_say(struct kube_conditions *conditions, const struct announced *announced);

/* A hash of the Service @object without what a write of this condition changes in it. */
uint64_t kube_conditions_rest(const json_t *object);

#endif
