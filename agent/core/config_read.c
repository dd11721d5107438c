// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limits.h>
#include <unistd.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "config.h"
#include "config_value.h"
#include "document.h"
#include "field.h"
#include "name.h"
#include "pins.h"

#define NS_PER_MS  1000000ULL
#define FILE_LIMIT (1 << 20)
/* Long enough for a list of 500 objects. After it, the server counts as frozen. */
#define SOURCE_TIMEOUT_NS   (10 * CLOCK_NS_PER_S)
#define SOURCE_RETRY_MAX_NS (10 * CLOCK_NS_PER_S)

struct key {
	const char *name;
	parse_fn *parse;	/* NULL: a mapping with @keys */
	const struct key *keys; /* ends with a key without a name */
	size_t field; /* offset in struct config; of a mapping: of a bool set if present, or 0 */
};

#define KEY(name_, parse_, member) \
	{ .name = (name_), .parse = (parse_), .field = offsetof(struct config, member) }
#define MAP(name_, keys_) { .name = (name_), .keys = (keys_) }
/* A mapping whose presence matters even if it is empty. */
#define MAP_FLAG(name_, keys_, member) \
	{ .name = (name_), .keys = (keys_), .field = offsetof(struct config, member) }
#define END { 0 }

static const struct key kubernetes_keys[] = {
	KEY("kubeconfig", parse_text, source.kubeconfig),
	KEY("server", parse_server, source.server),
	KEY("ca", parse_text, source.ca),
	KEY("token", parse_text, source.token),
	KEY("cert", parse_text, source.cert),
	KEY("key", parse_text, source.key),
	KEY("pools", parse_flag, source.pools),
	END,
};

static const struct key source_keys[] = {
	KEY("directory", parse_text, directory),
	KEY("assignments", parse_text, assignments),
	MAP_FLAG("kubernetes", kubernetes_keys, kubernetes),
	END,
};

static const struct key lease_keys[] = {
	KEY("engine", parse_engine, engine),
	KEY("endpoints", parse_endpoints, endpoints),
	KEY("server", parse_server, server),
	KEY("namespace", parse_text, namespace),
	KEY("token", parse_text, token),
	KEY("ca", parse_text, ca),
	KEY("cert", parse_text, cert),
	KEY("key", parse_text, key),
	KEY("duration", parse_duration, timing.duration_ns),
	KEY("renewDeadline", parse_duration, timing.renew_deadline_ns),
	KEY("retryPeriod", parse_duration, timing.retry_period_ns),
	KEY("liveness", parse_duration, liveness_ns),
	KEY("weight", parse_weight, weight),
	KEY("preempt", parse_flag, preempt),
	END,
};

static const struct key announce_keys[] = {
	KEY("count", parse_count, announce_count),
	KEY("interval", parse_duration, announce_interval_ns),
	KEY("refresh", parse_duration, announce_refresh_ns),
	KEY("rate", parse_rate, announce_rate),
	KEY("ignoreExclusion", parse_flag, ignore_exclusion),
	END,
};

static const struct key attach_keys[] = {
	KEY("mode", parse_mode, attach.mode),
	KEY("priority", parse_priority, attach.priority),
	END,
};

static const struct key tls_keys[] = {
	KEY("cert", parse_text, listen.cert),
	KEY("key", parse_text, listen.key),
	KEY("clientCA", parse_text, listen.client_ca),
	END,
};

static const struct key keys[] = {
	KEY("node", parse_node, node),
	MAP("source", source_keys),
	KEY("loadBalancerClass", parse_text, load_balancer_class),
	KEY("loadBalancerClassRequired", parse_flag, class_required),
	MAP("lease", lease_keys),
	KEY("conflict", parse_conflict, conflict),
	KEY("probe", parse_flag, probe),
	MAP("announce", announce_keys),
	MAP("attach", attach_keys),
	KEY("listen", parse_listen, listen),
	MAP("tls", tls_keys),
	KEY("bpffs", parse_text, bpffs),
	END,
};

static const struct key *key_find(const struct key *list, const char *name)
{
	for (; list->name; list++)
		if (!strcmp(list->name, name))
			return list;
	return NULL;
}

/* Parses @object's keys, which must be in @list, into @config. @prefix: full name of the mapping,
 * for errors. */
static int parse_keys(const struct place *place, const json_t *object, const struct key *list,
		      const char *prefix, struct config *config, struct err *err)
{
	struct err detail;
	const char *name;
	json_t *value;
	int r;

	json_object_foreach((json_t *)object, name, value)
	{
		const struct key *key = key_find(list, name);
		char path[64];

		if (!key)
			return place_err(err, -EINVAL, place, object, name, "no key '%s%s'", prefix,
					 name);
		if (json_is_null(value))
			continue;
		snprintf(path, sizeof(path), "%s%s", prefix, name);
		if (key->parse) {
			r = key->parse(value, (char *)config + key->field, &detail);
			if (r < 0)
				return place_err(err, r, place, object, name, "%s %s", path,
						 detail.text);
			continue;
		}
		if (!json_is_object(value))
			return place_err(err, -EINVAL, place, object, name,
					 "%s takes keys below it", path);
		if (key->field)
			*(bool *)((char *)config + key->field) = true;
		snprintf(path, sizeof(path), "%s%s.", prefix, name);
		r = parse_keys(place, value, key->keys, path, config, err);
		if (r < 0)
			return r;
	}
	return 0;
}

struct reading {
	const char *path;
	struct config config;
	unsigned int documents;
};

static int parse_document(const struct yaml_document *document, void *data, struct err *err)
{
	struct reading *reading = data;
	const struct place place = { reading->path, document };

	if (json_is_null(document->root))
		return 0;
	if (reading->documents++ || !json_is_object(document->root))
		return place_err(err, -EINVAL, &place, NULL, NULL,
				 reading->documents > 1 ? "a second document"
							: "not a mapping of keys");
	return parse_keys(&place, document->root, keys, "", &reading->config, err);
}

void config_free(struct config *config)
{
	strings_free(config->endpoints);
	free(config->node);
	free(config->directory);
	free(config->assignments);
	free(config->source.kubeconfig);
	free(config->source.server);
	free(config->source.ca);
	free(config->source.token);
	free(config->source.cert);
	free(config->source.key);
	free(config->load_balancer_class);
	free(config->server);
	free(config->namespace);
	free(config->token);
	free(config->ca);
	free(config->cert);
	free(config->key);
	free(config->listen.cert);
	free(config->listen.key);
	free(config->listen.client_ca);
	free(config->bpffs);
	*config = (struct config){};
}

/* NODE_NAME, which a pod's manifest sets, or the host name in lower case. */
static char *node_name(void)
{
	const char *from_pod = getenv("NODE_NAME");
	char name[HOST_NAME_MAX + 1];

	if (from_pod && *from_pod)
		return xstrdup(from_pod);
	if (gethostname(name, sizeof(name)) < 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	for (char *at = name; *at; at++)
		*at = tolower((unsigned char)*at);
	return xstrdup(name);
}

static void config_defaults(struct config *config)
{
	*config = (struct config){
		.node = node_name(),
		.assignments = xstrdup("/var/lib/xdp-l2resp/assignments.json"),
		.load_balancer_class = xstrdup("io.cilium/l2-announcer"),
		.source.pools = true,
		.engine = STORE_ENGINE_NONE,
		.timing = { 15 * CLOCK_NS_PER_S, 5 * CLOCK_NS_PER_S, 2 * CLOCK_NS_PER_S },
		.liveness_ns = 30 * CLOCK_NS_PER_S,
		.weight = 100,
		.conflict = CONFLICT_DEFEND,
		.announce_count = 3,
		.announce_interval_ns = 1100 * NS_PER_MS,
		.announce_refresh_ns = 120 * CLOCK_NS_PER_S,
		.announce_rate = 1000,
		.attach = { .mode = ATTACH_MODE_AUTO, .priority = ATTACH_KEEP_PRIORITY },
		.listen = { .address = address_from_v4(&(in_addr_t){ htonl(INADDR_LOOPBACK) }),
			    .port = 9717 },
		.bpffs = xstrdup(PINS_DEFAULT_BPFFS),
	};
}

static int check_source(struct config *config, const char *path, struct err *err)
{
	if (config->directory && config->kubernetes)
		return err_set(err, -EINVAL, "%s: source.directory or source.kubernetes, not both",
			       path);
	if (!config->source.cert != !config->source.key)
		return err_set(err, -EINVAL,
			       "%s: source.kubernetes.cert and source.kubernetes.key go together",
			       path);
	if (config->source.kubeconfig && (config->source.server || config->source.ca ||
					  config->source.token || config->source.cert))
		return err_set(err, -EINVAL, "%s: with source.kubernetes.kubeconfig no other key",
			       path);
	if (!config->kubernetes && !config->directory)
		config->directory = xstrdup("/etc/xdp-l2resp/manifests");
	return 0;
}

static bool is_loopback(const struct address *address)
{
	return address_is_v4(address)
		       ? address->bytes[12] == IN_LOOPBACKNET
		       : IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)address->bytes);
}

static int check_listen(const struct listen_options *listen, const char *path, struct err *err)
{
	bool tls = listen->cert || listen->key || listen->client_ca;

	if (tls && !(listen->cert && listen->key && listen->client_ca))
		return err_set(err, -EINVAL, "%s: tls.cert, tls.key and tls.clientCA go together",
			       path);
	if (!tls && !is_loopback(&listen->address))
		return err_set(err, -EINVAL,
			       "%s: listen is no loopback address: set tls.cert, tls.key and "
			       "tls.clientCA as well",
			       path);
	return 0;
}

/* Checks that need more than one key. */
static int config_check(const struct config *config, const char *path, struct err *err)
{
	struct err detail;

	/* the key has been checked with its line */
	if (strlen(config->node) > RECORD_NODE_MAX || !name_is_subdomain(config->node))
		return err_set(
			err, -EINVAL,
			"%s: the name of this host or pod, '%s', is no node's name: set `node`",
			path, config->node);
	if (lease_timing_check(config->engine, &config->timing, &detail) < 0)
		return err_set(err, -EINVAL, "%s: lease: %s", path, detail.text);
	if (config->engine == STORE_ENGINE_ETCD && !config->endpoints)
		return err_set(err, -EINVAL, "%s: engine etcd needs lease.endpoints", path);
	if (!config->cert != !config->key)
		return err_set(err, -EINVAL, "%s: lease.cert and lease.key go together", path);
	if (config->liveness_ns < CLOCK_NS_PER_S)
		return err_set(err, -EINVAL, "%s: lease.liveness is shorter than 1s", path);
	if (config->announce_count > 1 && config->announce_interval_ns < 10 * NS_PER_MS)
		return err_set(err, -EINVAL, "%s: announce.interval is shorter than 10ms", path);
	if (config->announce_refresh_ns && config->announce_refresh_ns < CLOCK_NS_PER_S)
		return err_set(err, -EINVAL, "%s: announce.refresh is shorter than 1s", path);
	return check_listen(&config->listen, path, err);
}

int config_read(const char *path, struct config *ret_config, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	struct reading reading = { .path = path };
	size_t size;
	int r = yaml_read_file(path, FILE_LIMIT, &text, &size, err);

	config_defaults(&reading.config);
	if (!r)
		r = yaml_parse(path, text, size, parse_document, &reading, err);
	if (!r)
		r = check_source(&reading.config, path, err);
	if (!r)
		r = config_check(&reading.config, path, err);
	if (r < 0) {
		config_free(&reading.config);
		return r;
	}
	*ret_config = reading.config;
	return 0;
}

void config_lease(const struct config *config, const char *id, struct lease_config *ret_lease)
{
	*ret_lease = (struct lease_config){
		.engine = config->engine,
		.node = config->node,
		.id = id,
		.timing = config->timing,
		.weight = config->weight,
		.preempt = config->preempt,
		/* probing needs to know the other nodes' leases */
		.always = config->probe,
		.endpoints = (const char *const *)config->endpoints,
		.server = config->server,
		.namespace = config->namespace,
		.token_file = config->token,
		.ca = config->ca,
		.cert = config->cert,
		.key = config->key,
	};
}

void config_source(const struct config *config, struct source_options *ret_options)
{
	*ret_options = (struct source_options){
		.directory = config->directory,
		.assignments = config->assignments,
		.node = config->node,
		.class = { config->load_balancer_class, config->class_required },
		.pools = config->source.pools,
		.reserve = true,
		.kubernetes = {
			.kubeconfig = config->source.kubeconfig,
			.server = config->source.server,
			.token = config->source.token,
			.ca = config->source.ca,
			.cert = config->source.cert,
			.key = config->source.key,
			.namespace = config->namespace,
			.timeout_ns = SOURCE_TIMEOUT_NS,
			.retry_max_ns = SOURCE_RETRY_MAX_NS,
		},
	};
}
