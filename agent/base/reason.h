/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why this node doesn't announce an address. This is the only list: `show`, `who-holds`, /readyz,
 * doctor, Events, metrics and the log use its words, and the manual's table is generated from it.
 *
 * The order is that of the checks. The first check that fails gives the reason. If several policies
 * or Services have the address, the one that passed most checks does.
 */
#ifndef XDP_L2RESPD_REASON_H
#define XDP_L2RESPD_REASON_H

#include <stdbool.h>

#include "err.h"

/* What a reason means for this node. */
enum reason_level {
	REASON_NORMAL, /* as intended: shown only if asked about the address */
	REASON_NOTE,   /* /readyz shows it and is ready: nothing is broken, but it may surprise */
	REASON_FAULT,  /* /readyz shows it and isn't ready: somebody must act */
};

/* Is it logged when it begins and ends? */
enum reason_log {
	REASON_QUIET, /* no: as intended, or logged with more detail where it was found */
	REASON_LOGGED,
};

/*
 * X(ID, name, level, log, sentence). Metrics and JSON have the name, which must not change. The
 * sentence follows "ADDRESS: "; ": DETAIL" may follow it: names, devices, a MAC, a driver's text.
 */
#define REASONS(X)                                                                                 \
	X(NO_SERVICE, no_service, NORMAL, QUIET, "no Service that is known here has it")           \
	X(OTHER_CLASS, other_class, NORMAL, QUIET,                                                 \
	  "the Service's loadBalancerClass belongs to another implementation")                     \
	X(POOLS_WAIT, pools_wait, NORMAL, QUIET, "the pools give nothing new for now")             \
	X(NO_POOL, no_pool, NORMAL, QUIET, "no pool in use serves the Service")                    \
	X(POOL_EXHAUSTED, pool_exhausted, NORMAL, QUIET,                                           \
	  "the pools that serve the Service have no free address")                                 \
	X(REQUEST_REFUSED, request_refused, NORMAL, QUIET,                                         \
	  "the pools don't give the address that the Service asks for")                            \
	X(NO_POLICY, no_policy, NORMAL, QUIET, "there is no CiliumL2AnnouncementPolicy")           \
	X(SERVICE_SELECTOR, service_selector, NORMAL, QUIET,                                       \
	  "no policy's serviceSelector matches the Service's labels")                              \
	X(ADDRESS_KIND, address_kind, NORMAL, QUIET,                                               \
	  "the policies that select the Service don't announce addresses of this field")           \
	X(NODE_SELECTOR, node_selector, NORMAL, QUIET,                                             \
	  "the policies that select the Service don't select this node")                           \
	X(NO_INTERFACE, no_interface, FAULT, LOGGED,                                               \
	  "the policies' interfaces match no device of this node")                                 \
	X(EXCLUDED_NODE, excluded_node, NOTE, LOGGED, "this node is excluded by its label")        \
	X(NODE_DELETED, node_deleted, NOTE, LOGGED,                                                \
	  "this node is excluded until it has a Node object again")                                \
	X(NETWORK_UNAVAILABLE, network_unavailable, NOTE, LOGGED,                                  \
	  "this node's condition NetworkUnavailable is true")                                      \
	X(OUT_OF_SERVICE, out_of_service, NOTE, LOGGED, "this node is tainted as out of service")  \
	X(ENDPOINTS_UNKNOWN, endpoints_unknown, FAULT, QUIET,                                      \
	  "externalTrafficPolicy is Local, and the Service's EndpointSlices aren't read yet")      \
	X(NO_LOCAL_ENDPOINT, no_local_endpoint, NORMAL, QUIET,                                     \
	  "externalTrafficPolicy is Local, and this node has no ready endpoint of the Service")    \
	X(LINK_DOWN, link_down, FAULT, LOGGED, "the link is down, or has no carrier")              \
	X(NOT_ATTACHED, not_attached, FAULT, QUIET, "the program isn't attached yet")              \
	X(ATTACH_REFUSED, attach_refused, FAULT, QUIET, "the program can't be attached")           \
	X(KERNEL_ANSWERS, kernel_answers, FAULT, LOGGED, "the kernel would answer for it as well") \
	X(NOT_PROBED, not_probed, NORMAL, QUIET, "it isn't known yet whether another host has it") \
	X(OTHER_HOST, other_host, FAULT, QUIET, "another host on the LAN has it")                  \
	X(DRAINED, drained, FAULT, LOGGED, "this node is drained; 'xdp-l2respd resume' ends that") \
	X(STOPPED, stopped, NORMAL, QUIET, "the agent stops")                                      \
	X(NAME_TAKEN, name_taken, FAULT, LOGGED, "another agent runs under this node's name")      \
	X(NEWER_VERSION, newer_version, FAULT, LOGGED,                                             \
	  "this node's record in the lease store is of a newer version; upgrade this agent")       \
	X(STORE_UNREACHABLE, store_unreachable, FAULT, LOGGED,                                     \
	  "no session with the lease store, so it isn't known here who holds it")                  \
	X(NOT_PREFERRED, not_preferred, NORMAL, QUIET, "another node is preferred, and holds it")  \
	X(OTHER_NODE, other_node, NORMAL, QUIET, "another node holds it")                          \
	X(NEWER_CLAIM, newer_claim, NORMAL, QUIET,                                                 \
	  "its record in the lease store is of a newer version; upgrade this agent")               \
	X(MOVED, moved, NORMAL, QUIET, "it goes to another node, as that one or somebody asked")   \
	X(CLAIM_CHANGED, claim_changed, NORMAL, QUIET, "somebody changed or deleted the claim")    \
	X(SESSION_ENDED, session_ended, NORMAL, QUIET, "the session wasn't renewed in time")       \
	X(LEFT_OVER, left_over, NORMAL, QUIET,                                                     \
	  "a former process held it, and it isn't wanted any more")                                \
	X(NODE_ADDRESS, node_address, NORMAL, LOGGED, "another node has it as its own address")    \
	X(LONG_LEASES, long_leases, FAULT, QUIET,                                                  \
	  "a node whose leases last longer than this one's may still answer for it")               \
	X(NOT_CLAIMED, not_claimed, NORMAL, QUIET, "this node's claim isn't confirmed yet")        \
	X(MAP_FULL, map_full, FAULT, LOGGED, "the map is full")                                    \
	X(BY_HAND, by_hand, NORMAL, QUIET,                                                         \
	  "somebody added it by hand, which the agent leaves alone")

enum reason {
	REASON_NONE, /* nothing prevents it */
#define REASON_ENUM(id, name, level, log, sentence) REASON_##id,
	REASONS(REASON_ENUM)
#undef REASON_ENUM
		REASON_COUNT,
};

/* Not for REASON_NONE. */
const char *reason_name(enum reason reason);
const char *reason_sentence(enum reason reason);
enum reason_level reason_level(enum reason reason);
bool reason_logged(enum reason reason);

/* A reason for one address, and its sentence with details. */
struct why {
	enum reason reason;
	struct err text;
};

/* Sets the sentence without details; REASON_NONE: "". */
void why_set(struct why *why, enum reason reason);

/* Appends to the text. */
#define why_add(why, ...) err_add(&(why)->text, __VA_ARGS__)

#endif
