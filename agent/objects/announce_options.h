/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The annotations of a policy or a Service that say how its addresses are announced. A Service's
 * override those of the policies that select it. */
#ifndef XDP_L2RESPD_ANNOUNCE_OPTIONS_H
#define XDP_L2RESPD_ANNOUNCE_OPTIONS_H

#include <stdint.h>
#include <jansson.h>

#include "err.h"
#include "field.h"
#include "selector.h"

#define ANNOTATION_CONFLICT	   "xdp-l2resp.io/conflict"
#define ANNOTATION_MAC		   "xdp-l2resp.io/mac"
#define ANNOTATION_PREFERRED_NODES "xdp-l2resp.io/preferred-nodes"

/* Reaction if another host uses one of our addresses (RFC 5227 2.4). In ascending precedence, if
 * policies differ about an address. */
enum conflict_answer {
	CONFLICT_UNSET,	 /* not set: agent.yaml's counts */
	CONFLICT_DEFEND, /* (c): keep it, and announce it again, but not too often */
	CONFLICT_YIELD,	 /* (a): give it up for a while */
	CONFLICT_ANSWER_COUNT,
};

/* The values' names in annotations and agent.yaml; NULL for CONFLICT_UNSET. */
extern const char *const conflict_answer_names[CONFLICT_ANSWER_COUNT];

/* The MAC in replies, also in ascending precedence. */
enum mac_choice {
	MAC_UNSET, /* not set: as MAC_INTERFACE */
	MAC_INTERFACE,
	MAC_VIRTUAL, /* virtual_mac.h */
	MAC_CHOICE_COUNT,
};

struct announce_options {
	enum conflict_answer conflict;
	enum mac_choice mac;
	struct selector preferred_nodes;
	/* hash of the selector's text, equal on all nodes; 0: no node is preferred */
	uint64_t preference;
};

/* Safe on a zeroed one. */
void announce_options_free(struct announce_options *options);

/*
 * Parses the options in an object's @metadata. -EINVAL with @err: an unknown value. A malformed
 * selector of preferred nodes is noted and ignored, since it only decides which node is preferred.
 */
int announce_options_parse(const struct place *place, const json_t *metadata, object_note_fn *note,
			   void *data, struct announce_options *options, struct err *err);

#endif
