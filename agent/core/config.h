/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent.yaml. */
#ifndef XDP_L2RESPD_CONFIG_H
#define XDP_L2RESPD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "attach.h"
#include "err.h"
#include "lease.h"
#include "manifest.h"
#include "policy.h"
#include "source.h"

#define CONFIG_DEFAULT_PATH "/etc/xdp-l2resp/agent.yaml"

/* HTTP for everybody on loopback; elsewhere with TLS, for clients with a certificate. */
struct listen_options {
	struct address address;
	uint16_t port;
	char *cert, *key, *client_ca; /* all, or NULL: no TLS */
};

struct config {
	char *node;
	char *directory;   /* source.directory; NULL: Kubernetes */
	char *assignments; /* source.assignments */
	bool kubernetes;   /* source.kubernetes, with what is below it */
	struct {
		char *kubeconfig, *server, *ca, *token, *cert, *key; /* NULL: not given */
		bool pools;
	} source;
	char *load_balancer_class; /* Services with another one are left alone */
	bool class_required;	   /* those of type LoadBalancer without one, too */
	enum lease_engine engine;
	struct lease_timing timing;
	uint64_t liveness_ns; /* renewals end when the rest of the agent hangs for longer */
	uint32_t weight;
	bool preempt;
	char **endpoints;				    /* NULL-terminated */
	char *server, *namespace, *token, *ca, *cert, *key; /* NULL: not given */
	enum conflict_answer conflict;			    /* where a policy says nothing */
	bool probe; /* ask the LAN for an address before it is first claimed */
	uint32_t announce_count;
	uint64_t announce_interval_ns;
	uint64_t announce_refresh_ns; /* 0: never */
	uint32_t announce_rate;	      /* frames a second, an interface */
	bool ignore_exclusion;	      /* the node's label NODE_LABEL_EXCLUDE means nothing */
	struct attach_options attach;
	struct listen_options listen;
	char *bpffs;
};

void config_free(struct config *config);

/*
 * Reads the file at @path. What it leaves out has design's defaults. -EINVAL with "FILE:LINE: what"
 * in @err for an unknown key, a value of another kind or out of range, timings that aren't safe.
 * *ret_config is untouched on failure; the caller frees it.
 */
int config_read(const char *path, struct config *ret_config, struct err *err);

/* Fills in what the lease manager takes; borrows from @config and @id. */
void config_lease(const struct config *config, const char *id, struct lease_config *ret_lease);

/* Fills in what the source takes; borrows from @config. */
void config_source(const struct config *config, struct source_options *ret_options);

#endif
