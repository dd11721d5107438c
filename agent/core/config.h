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

/* On loopback: HTTP for everybody. Elsewhere: HTTPS for clients with a certificate. */
struct listen_options {
	struct address address;
	uint16_t port;
	char *cert, *key, *client_ca; /* all, or NULL: no TLS */
};

struct config {
	char *node;
	char *directory;   /* source.directory; NULL: Kubernetes */
	char *assignments; /* source.assignments */
	bool kubernetes;   /* source.kubernetes is set */
	struct {
		char *kubeconfig, *server, *ca, *token, *cert, *key; /* NULL: not given */
		bool pools;
	} source;
	char *load_balancer_class; /* Services with another class are ignored */
	bool class_required;	   /* LoadBalancer Services without a class are ignored, too */
	enum store_engine engine;
	struct lease_timing timing;
	uint64_t liveness_ns; /* no renewals once the main loop has hung for longer */
	uint32_t weight;
	bool preempt;
	char **endpoints;				    /* NULL-terminated */
	char *server, *namespace, *token, *ca, *cert, *key; /* NULL: not given */
	enum conflict_answer conflict;			    /* unless a policy sets it */
	bool probe; /* probe the LAN before the first claim of an address */
	uint32_t announce_count;
	uint64_t announce_interval_ns;
	uint64_t announce_refresh_ns; /* 0: never */
	uint32_t announce_rate;	      /* frames per second and interface */
	bool ignore_exclusion;	      /* ignore the node's label NODE_LABEL_EXCLUDE */
	struct attach_options attach;
	struct listen_options listen;
	char *bpffs;
};

void config_free(struct config *config);

/*
 * Reads the file at @path. Missing keys get their defaults. -EINVAL with "FILE:LINE: message" in
 * @err: unknown key, value of the wrong type or out of range, or unsafe timings. *@ret_config is
 * untouched on failure; the caller frees it.
 */
int config_read(const char *path, struct config *ret_config, struct err *err);

/* Makes the lease machine's configuration. Borrows from @config and @id. */
void config_lease(const struct config *config, const char *id, struct lease_config *ret_lease);

/* Makes the source's options. Borrows from @config. */
void config_source(const struct config *config, struct source_options *ret_options);

#endif
