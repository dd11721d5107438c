/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a node takes part in the lease protocol: its store, its name, its timing. */
#ifndef XDP_L2RESP_LEASE_CONFIG_H
#define XDP_L2RESP_LEASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "identity.h"

struct kube;

enum store_engine {
	STORE_ENGINE_NONE, /* no store: this node holds everything it wants, in slot 1 */
	STORE_ENGINE_ETCD,
	STORE_ENGINE_KUBERNETES,
	STORE_ENGINE_COUNT,
};

/* The engines as the configuration names them. */
extern const char *const store_engine_names[STORE_ENGINE_COUNT];

struct lease_timing {
	uint64_t duration_ns;
	uint64_t renew_deadline_ns;
	uint64_t retry_period_ns;
};

/* What is kept between the end of a stamp and the end of the duration, for clocks that drift: the
 * larger of 50 ms and duration/20. */
uint64_t lease_margin_ns(uint64_t duration_ns);

/*
 * Are these timings safe with @engine? -EINVAL with the rule in @err: duration in steps of 10 ms
 * from 300 ms on, with Kubernetes in whole seconds, and
 * 1.2 retryPeriod < renewDeadline < duration - margin.
 */
int lease_timing_check(enum store_engine engine, const struct lease_timing *timing,
		       struct err *err);

/* As the agent remembers its own. */
#define RECORD_NODE_MAX	 IDENTITY_NODE_MAX
#define RECORD_ID_DIGITS IDENTITY_ID_DIGITS

/* All is copied by lease_start(). Absent strings are NULL. */
struct lease_config {
	enum store_engine engine;
	const char *node; /* this node's name */
	const char *id;	  /* RECORD_ID_DIGITS hex digits, random, kept in bpffs over restarts */
	struct lease_timing timing;
	uint32_t weight; /* this node's share of the addresses; 0: only what nobody else takes */
	bool preempt;	 /* ask live holders for addresses that belong here rather */
	bool always;	 /* keep a session, and know who has what, although nothing is wanted */
	const char *const *endpoints; /* etcd: URLs, NULL at the end */
	struct kube *kube; /* kubernetes: that server, the caller's; NULL: the following */
	/* kubernetes: this Lease alone, in place of all heartbeats: who has its session leads */
	const char *election;
	const char *server;	     /* kubernetes: URL; NULL: in-cluster */
	const char *namespace;	     /* kubernetes; NULL: the service account's, or xdp-l2resp */
	const char *token_file;	     /* kubernetes; read again for each request */
	const char *ca, *cert, *key; /* PEM files for TLS; ca NULL: the system's */
};

/* The Service that has an address, for people who look at the store. Both are empty where they
 * aren't known, or longer than the value of a Kubernetes label. */
#define RECORD_LABEL_MAX 63
struct lease_service {
	char namespace[RECORD_LABEL_MAX + 1];
	char name[RECORD_LABEL_MAX + 1];
};

#endif
