// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "foreign.h"
#include "metadata.h"
#include "name.h"
#include "pool.h"
#include "service.h"

#define DEFAULT_NAMESPACE "default"

/* Pseudo-labels: policies and pools can select by them as if they were labels. */
#define LABEL_NAMESPACE SERVICE_LABEL_PREFIX "namespace"
#define LABEL_NAME	SERVICE_LABEL_PREFIX "name"

/* An annotation's name, and its former name. */
static const char *const annotation_ips[] = { "lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips" };
static const char *const annotation_key[] = { "lbipam.cilium.io/sharing-key",
					      "io.cilium/lb-ipam-sharing-key" };
static const char *const annotation_namespaces[] = { "lbipam.cilium.io/sharing-cross-namespace",
						     "io.cilium/lb-ipam-sharing-cross-namespace" };

static const char *const protocols[] = { "TCP", "UDP", "SCTP" };

/* Context for parsing a Service. */
struct parse {
	const struct place *place;
	object_note_fn *note;
	void *data;
	struct err *err;
	size_t *noted; /* number of notes about addresses */
};

/* Bounds, since a tenant decides how many faults a Service has, and how long its lists are. */
#define NOTES_MAX     10
#define ADDRESSES_MAX 10000
#define REQUESTS_MAX  100 /* the pools' allocator compares each with all others */

struct service *service_ref(struct service *service)
{
	service->references++;
	return service;
}

void service_unref(struct service *service)
{
	if (!service || --service->references)
		return;
	labels_free(&service->labels);
	labels_free(&service->sharing_namespaces);
	address_list_free(&service->external);
	address_list_free(&service->load_balancer);
	address_list_free(&service->requested);
	free(service->namespace);
	free(service->name);
	free(service->uid);
	free(service->created);
	free(service->class);
	announce_options_free(&service->announce);
	free(service->pool);
	free(service->sharing_key);
	free(service->ports);
	free(service->pods);
	free(service);
}

static void cleanup_service(struct service **service)
{
	service_unref(*service);
}

/* Copies the string @key of @object, unless it is absent or empty. */
static int copy_filled(const struct parse *parse, const json_t *object, const char *key,
		       char **ret_text)
{
	const char *text = "";
	int r = field_string(parse->place, object, key, &text, parse->err);

	if (*text)
		*ret_text = xstrdup(text);
	return r;
}

/* copy_filled() for an annotation: by its name, then by its former name. */
static int copy_annotation(const struct parse *parse, const json_t *annotations,
			   const char *const names[2], char **ret_text)
{
	int r = 0;

	for (size_t i = 0; i < 2 && r >= 0 && !*ret_text; i++)
		r = copy_filled(parse, annotations, names[i], ret_text);
	return r;
}

/* Parses @text, which is @key of @object, as an address. Notes and ignores anything else. */
static bool parse_address(const struct parse *parse, const json_t *object, const char *key,
			  const char *text, struct address *ret_address)
{
	struct err why, line;

	if (!addr_parse(text, ret_address, &why))
		return true;
	if (++*parse->noted <= NOTES_MAX) {
		place_err_write(&line, parse->place, object, key, why.text);
		parse->note(line.text, parse->data);
	}
	return false;
}

static int too_many(const struct parse *parse, const json_t *object, const char *key, int most)
{
	return place_err(parse->err, -EINVAL, parse->place, object, key,
			 "more than %d addresses in %s", most, key);
}

/* Checks the length of @text (NULL: none), which is @key of @object. */
static int check_term(const struct parse *parse, const json_t *object, const char *key,
		      const char *text)
{
	return strlen(text ?: "") <= SERVICE_TERM_MAX
		       ? 0
		       : place_err(parse->err, -EINVAL, parse->place, object, key,
				   "%s is longer than %d bytes", key, SERVICE_TERM_MAX);
}

static int parse_external(const struct parse *parse, const json_t *spec, struct service *service)
{
	json_t *array = NULL, *item;
	struct address address;
	size_t i;
	int r = field_strings(parse->place, spec, "externalIPs", &array, parse->err);

	if (json_array_size(array) > ADDRESSES_MAX)
		return too_many(parse, spec, "externalIPs", ADDRESSES_MAX);
	json_array_foreach(array, i, item)
	{
		if (parse_address(parse, spec, "externalIPs", json_string_value(item), &address))
			address_list_add(&service->external, &address);
	}
	return r;
}

/* Parses status.loadBalancer.ingress; entries with only a host name are ignored. */
static int parse_ingress(const struct parse *parse, const json_t *object, struct service *service)
{
	json_t *status = NULL, *balancer = NULL, *array = NULL, *item;
	struct address address;
	const char *ip;
	size_t i;
	int r = field_get(parse->place, object, "status", FIELD_OBJECT, &status, parse->err);

	if (r > 0)
		r = field_get(parse->place, status, "loadBalancer", FIELD_OBJECT, &balancer,
			      parse->err);
	if (r > 0)
		r = field_objects(parse->place, balancer, "ingress", &array, parse->err);
	if (json_array_size(array) > ADDRESSES_MAX)
		return too_many(parse, balancer, "ingress", ADDRESSES_MAX);
	json_array_foreach(array, i, item)
	{
		r = field_string(parse->place, item, "ip", &ip, parse->err);
		if (r < 0)
			return r;
		if (r > 0 && *ip && parse_address(parse, item, "ip", ip, &address))
			address_list_add(&service->load_balancer, &address);
	}
	return r;
}

static int parse_requests(const struct parse *parse, const json_t *spec, const json_t *annotations,
			  struct service *service)
{
	_cleanup_free_ char *one = NULL, *list = NULL;
	struct address address;
	size_t count = 0;
	char *rest;
	int r = copy_filled(parse, spec, "loadBalancerIP", &one);

	if (one && parse_address(parse, spec, "loadBalancerIP", one, &address))
		address_list_add(&service->requested, &address);
	if (r >= 0)
		r = copy_annotation(parse, annotations, annotation_ips, &list);
	for (char *text = list ? strtok_r(list, SERVICE_SEPARATORS, &rest) : NULL; text;
	     text = strtok_r(NULL, SERVICE_SEPARATORS, &rest)) {
		if (++count > REQUESTS_MAX)
			return too_many(parse, annotations, annotation_ips[0], REQUESTS_MAX);
		if (parse_address(parse, annotations, annotation_ips[0], text, &address))
			address_list_include(&service->requested, &address);
	}
	return r;
}

/* SingleStack: the first of ipFamilies, or IPv4. RequireDualStack: both, regardless of ipFamilies.
 * PreferDualStack: those in ipFamilies. */
static int parse_families(const struct parse *parse, const json_t *spec, struct service *service)
{
	const char *policy = "SingleStack", *family;
	json_t *families = NULL, *item;
	size_t i;
	int r = field_string(parse->place, spec, "ipFamilyPolicy", &policy, parse->err);

	if (r >= 0)
		r = field_strings(parse->place, spec, "ipFamilies", &families, parse->err);
	if (r < 0)
		return r;
	if (strcmp(policy, "SingleStack") != 0 && strcmp(policy, "PreferDualStack") != 0 &&
	    strcmp(policy, "RequireDualStack") != 0)
		return place_err(parse->err, -EINVAL, parse->place, spec, "ipFamilyPolicy",
				 "no ipFamilyPolicy '%s'; there are SingleStack, PreferDualStack, "
				 "RequireDualStack",
				 policy);
	json_array_foreach(families, i, item)
	{
		family = json_string_value(item);
		if (strcmp(family, "IPv4") != 0 && strcmp(family, "IPv6") != 0)
			return place_err(parse->err, -EINVAL, parse->place, spec, "ipFamilies",
					 "no IP family '%s'; there are IPv4 and IPv6", family);
		if (i && policy[0] == 'S')
			break;
		service->v4 |= !strcmp(family, "IPv4");
		service->v6 |= !strcmp(family, "IPv6");
	}
	if (policy[0] == 'R' || (policy[0] == 'P' && !json_array_size(families)))
		service->v4 = service->v6 = true;
	else if (!json_array_size(families))
		service->v4 = true;
	return 0;
}

/* The protocol of @port as an index; TCP if it is absent. */
static int parse_protocol(const struct parse *parse, const json_t *port, uint32_t *ret_protocol)
{
	const char *name = "";
	int r = field_string(parse->place, port, "protocol", &name, parse->err);

	*ret_protocol = 0;
	if (r < 0 || !*name)
		return r;
	for (uint32_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (!strcmp(protocols[i], name)) {
			*ret_protocol = i;
			return 0;
		}
	return place_err(parse->err, -EINVAL, parse->place, port, "protocol",
			 "no protocol '%s'; there are TCP, UDP and SCTP", name);
}

static int compare_ports(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static int parse_ports(const struct parse *parse, const json_t *spec, struct service *service)
{
	json_t *ports = NULL, *item, *number = NULL;
	uint32_t protocol;
	size_t i;
	int r = field_objects(parse->place, spec, "ports", &ports, parse->err);

	if (r <= 0)
		return r;
	service->ports = xcalloc(json_array_size(ports), sizeof(*service->ports));
	json_array_foreach(ports, i, item)
	{
		r = field_get(parse->place, item, "port", FIELD_INTEGER, &number, parse->err);
		if (r < 0)
			return r;
		if (!r || json_integer_value(number) < 1 || json_integer_value(number) > UINT16_MAX)
			return place_err(parse->err, -EINVAL, parse->place, spec, "ports",
					 "a port must be a number from 1 to 65535");
		r = parse_protocol(parse, item, &protocol);
		if (r < 0)
			return r;
		service->ports[service->port_count++] =
			SERVICE_PORT(protocol, json_integer_value(number));
	}
	qsort(service->ports, service->port_count, sizeof(*service->ports), compare_ports);
	return 0;
}

static int parse_traffic_policy(const struct parse *parse, const json_t *spec,
				struct service *service)
{
	const char *policy = "Cluster";
	int r = field_string(parse->place, spec, "externalTrafficPolicy", &policy, parse->err);

	if (r < 0)
		return r;
	service->local = !strcmp(policy, "Local");
	if (!service->local && *policy && strcmp(policy, "Cluster") != 0)
		return place_err(parse->err, -EINVAL, parse->place, spec, "externalTrafficPolicy",
				 "no externalTrafficPolicy '%s'; there are Cluster and Local",
				 policy);
	return 0;
}

/* As text, which is compared faster than labels. */
static int parse_pods(const struct parse *parse, const json_t *spec, struct service *service)
{
	_cleanup_(labels_free) struct labels pods = {};
	int r = labels_parse(parse->place, spec, "selector", &pods, parse->err);
	char *end;

	if (r < 0 || !pods.count)
		return r;
	end = service->pods = xmalloc(labels_cost(&pods));
	for (size_t i = 0; i < pods.count; i++)
		end += sprintf(end, "%s=%s,", pods.list[i].key, pods.list[i].value);
	return check_term(parse, spec, "selector", service->pods);
}

static int parse_sharing(const struct parse *parse, const json_t *annotations,
			 struct service *service)
{
	_cleanup_free_ char *namespaces = NULL;
	char *rest;
	int r = copy_annotation(parse, annotations, annotation_key, &service->sharing_key);

	if (r >= 0)
		r = check_term(parse, annotations, annotation_key[0], service->sharing_key);
	if (r >= 0)
		r = copy_annotation(parse, annotations, annotation_namespaces, &namespaces);
	if (r >= 0)
		r = check_term(parse, annotations, annotation_namespaces[0], namespaces);
	for (char *name = r < 0 || !namespaces ? NULL
					       : strtok_r(namespaces, SERVICE_SEPARATORS, &rest);
	     name; name = strtok_r(NULL, SERVICE_SEPARATORS, &rest)) {
		if (service->sharing_namespaces.count == LABELS_MAX)
			return place_err(parse->err, -EINVAL, parse->place, annotations,
					 annotation_namespaces[0], "more than %d names in %s",
					 LABELS_MAX, annotation_namespaces[0]);
		labels_set(&service->sharing_namespaces, name, "");
	}
	return r;
}

static int parse_spec(const struct parse *parse, const json_t *object, const json_t *annotations,
		      struct service *service)
{
	json_t *spec = NULL;
	const char *type = "";
	int r = field_get(parse->place, object, "spec", FIELD_OBJECT, &spec, parse->err);

	if (r >= 0)
		r = field_string(parse->place, spec, "type", &type, parse->err);
	if (r >= 0)
		r = copy_filled(parse, spec, "loadBalancerClass", &service->class);
	if (r >= 0)
		r = parse_external(parse, spec, service);
	if (r >= 0)
		r = parse_requests(parse, spec, annotations, service);
	if (r >= 0)
		r = parse_families(parse, spec, service);
	if (r >= 0)
		r = parse_ports(parse, spec, service);
	if (r >= 0)
		r = parse_traffic_policy(parse, spec, service);
	if (r >= 0)
		r = field_boolean(parse->place, spec, "publishNotReadyAddresses",
				  &service->publish_not_ready, parse->err);
	if (r >= 0)
		r = parse_pods(parse, spec, service);
	service->wants_load_balancer = !strcmp(type, "LoadBalancer");
	return r;
}

static int parse_metadata(const struct parse *parse, const json_t *object, struct service *service,
			  json_t **ret_annotations)
{
	json_t *metadata = NULL;
	int r = metadata_parse(parse->place, object, &metadata, &service->name, name_is_label,
			       parse->err);

	if (r >= 0)
		r = field_copy_string(parse->place, metadata, "namespace", &service->namespace,
				      parse->err);
	if (r == 0)
		service->namespace = xstrdup(DEFAULT_NAMESPACE);
	if (r > 0 && !name_is_label(service->namespace))
		r = place_err(parse->err, -EINVAL, parse->place, metadata, "namespace",
			      "'%s' can't be a namespace", service->namespace);
	if (r >= 0)
		r = field_copy_string(parse->place, metadata, "uid", &service->uid, parse->err);
	if (r >= 0)
		r = field_copy_string(parse->place, metadata, "creationTimestamp",
				      &service->created, parse->err);
	if (r == 0)
		service->created = xstrdup("");
	if (r >= 0)
		r = labels_parse(parse->place, metadata, "labels", &service->labels, parse->err);
	if (r < 0)
		return r;
	labels_set(&service->labels, LABEL_NAMESPACE, service->namespace);
	labels_set(&service->labels, LABEL_NAME, service->name);
	r = announce_options_parse(parse->place, metadata, parse->note, parse->data,
				   &service->announce, parse->err);
	return r < 0 ? r
		     : field_get(parse->place, metadata, "annotations", FIELD_OBJECT,
				 ret_annotations, parse->err);
}

int service_parse(const struct place *place, const json_t *object, object_note_fn *note, void *data,
		  struct service **ret_service, struct err *err)
{
	const char *const known[] = { annotation_ips[0],	  annotation_key[0],
				      annotation_namespaces[0],	  POOL_ANNOTATION,
				      ANNOTATION_CONFLICT,	  ANNOTATION_MAC,
				      ANNOTATION_PREFERRED_NODES, NULL };
	size_t noted = 0;
	const struct parse parse = { place, note, data, err, &noted };
	_cleanup_(cleanup_service) struct service *service = xcalloc(1, sizeof(*service));
	json_t *annotations = NULL;
	int r;

	service->references = 1;
	r = parse_metadata(&parse, object, service, &annotations);
	if (r >= 0)
		r = copy_filled(&parse, annotations, POOL_ANNOTATION, &service->pool);
	if (r >= 0)
		r = parse_sharing(&parse, annotations, service);
	if (r >= 0)
		r = parse_spec(&parse, object, annotations, service);
	if (r >= 0)
		r = parse_ingress(&parse, object, service);
	if (r < 0)
		return r;
	if (noted > NOTES_MAX) {
		struct err more;

		err_write(&more, "%s: and %zu more like these", place->name, noted - NOTES_MAX);
		note(more.text, data);
	}
	foreign_annotations(place, annotations, known, note, data);
	*ret_service = TAKE_PTR(service);
	return 0;
}

bool service_is_of(const struct service *service, const struct service_class *class)
{
	return service->class ? !strcmp(service->class, class->name)
			      : !class->required || !service->wants_load_balancer;
}

const char *service_class_text(const struct service *service)
{
	return service->class ?: "none, and loadBalancerClassRequired is true";
}

int service_compare_names(const struct service *a, const struct service *b)
{
	int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->name, b->name);
}

int service_compare_age(const struct service *a, const struct service *b)
{
	int order = strcmp(a->created, b->created);

	return order ? order : service_compare_names(a, b);
}

size_t service_address_count(const struct service *service)
{
	return service->external.count + service->load_balancer.count;
}

void service_add_addresses(const struct service *service, struct address_list *list)
{
	address_list_add_all(list, &service->external);
	address_list_add_all(list, &service->load_balancer);
}

size_t service_cost(const struct service *service)
{
	const char *const texts[] = { service->class, service->pool, service->sharing_key,
				      service->pods };
	size_t given = service->load_balancer.count, asked = service->requested.count;
	size_t addresses = service->external.count + (given > asked ? given : asked);
	size_t cost = addresses * SERVICE_ADDRESS_COST + labels_cost(&service->labels) +
		      labels_cost(&service->sharing_namespaces) +
		      selector_cost(&service->announce.preferred_nodes) +
		      service->port_count * sizeof(*service->ports);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cost += strlen(texts[i] ?: "");
	return cost;
}
