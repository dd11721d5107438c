// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "claim.h"

/* Separators in annotations that are lists; Cilium trims what it splits at commas. */
#define SEPARATORS ", \t"

/* An annotation with the name that it had before. */
static const char *const annotation_ips[] = { "lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips" };
static const char *const annotation_key[] = { "lbipam.cilium.io/sharing-key",
					      "io.cilium/lb-ipam-sharing-key" };
static const char *const annotation_namespaces[] = { "lbipam.cilium.io/sharing-cross-namespace",
						     "io.cilium/lb-ipam-sharing-cross-namespace" };

/* What a Service is parsed with. */
struct parse {
	const struct place *place;
	claim_note_fn *note;
	void *data;
	struct err *err;
};

static int err_nomem(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

struct claim *claim_ref(struct claim *claim)
{
	claim->references++;
	return claim;
}

void claim_unref(struct claim *claim)
{
	if (!claim || --claim->references)
		return;
	labels_free(&claim->labels);
	labels_free(&claim->pods);
	address_list_free(&claim->requested);
	free(claim->namespace);
	free(claim->name);
	free(claim->created);
	free(claim->class);
	free(claim->sharing_key);
	free(claim->sharing_namespaces);
	free(claim->ports);
	free(claim);
}

static void claim_drop(struct claim **claim)
{
	claim_unref(*claim);
}

static int copy(const struct parse *parse, const char *text, char **ret_text)
{
	*ret_text = strdup(text);
	return *ret_text ? 0 : err_nomem(parse->err);
}

/* A copy of the string @key of @object, where it is there and not empty. */
static int copy_field(const struct parse *parse, const json_t *object, const char *key,
		      char **ret_text)
{
	const char *text;
	int r = field_string(parse->place, object, key, &text, parse->err);

	return r > 0 && *text ? copy(parse, text, ret_text) : r;
}

/* The same for an annotation: by the name that it has now, then by the former one. */
static int copy_annotation(const struct parse *parse, const json_t *annotations,
			   const char *const names[2], char **ret_text)
{
	int r = 0;

	for (size_t i = 0; i < 2 && r >= 0 && !*ret_text; i++)
		r = copy_field(parse, annotations, names[i], ret_text);
	return r;
}

static int add_request(const struct parse *parse, const json_t *object, const char *key,
		       const char *text, struct claim *claim)
{
	struct address address;
	struct err why, said;

	if (addr_parse(text, &address, &why) < 0) {
		place_err_write(&said, parse->place, object, key, why.text);
		parse->note(said.text, parse->data);
		return 0;
	}
	if (address_list_has(&claim->requested, &address))
		return 0;
	return address_list_add(&claim->requested, &address) ? err_nomem(parse->err) : 0;
}

static int take_requests(const struct parse *parse, const json_t *spec, const json_t *annotations,
			 struct claim *claim)
{
	_cleanup_free_ char *one = NULL, *list = NULL;
	char *rest;
	int r = copy_field(parse, spec, "loadBalancerIP", &one);

	if (r >= 0 && one)
		r = add_request(parse, spec, "loadBalancerIP", one, claim);
	if (r >= 0)
		r = copy_annotation(parse, annotations, annotation_ips, &list);
	for (char *text = list ? strtok_r(list, SEPARATORS, &rest) : NULL; text && r >= 0;
	     text = strtok_r(NULL, SEPARATORS, &rest))
		r = add_request(parse, annotations, annotation_ips[0], text, claim);
	return r;
}

/* The single family of a Service is the first of its ipFamilies, or IPv4. A RequireDualStack wants
 * both whatever they say, a PreferDualStack those that it says. */
static int take_families(const struct parse *parse, const json_t *spec, struct claim *claim)
{
	const char *policy = "SingleStack", *family;
	json_t *families = NULL, *item;
	size_t i;
	int r = field_string(parse->place, spec, "ipFamilyPolicy", &policy, parse->err);

	if (r >= 0)
		r = field_get(parse->place, spec, "ipFamilies", FIELD_ARRAY, &families, parse->err);
	if (r > 0)
		r = field_strings(parse->place, spec, "ipFamilies", families, parse->err);
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
		claim->v4 |= !strcmp(family, "IPv4");
		claim->v6 |= !strcmp(family, "IPv6");
	}
	if (policy[0] == 'R' || (policy[0] == 'P' && !json_array_size(families)))
		claim->v4 = claim->v6 = true;
	else if (!json_array_size(families))
		claim->v4 = true;
	return 0;
}

static int take_ports(const struct parse *parse, const json_t *spec, struct claim *claim)
{
	json_t *ports = NULL, *item, *number = NULL;
	size_t i;
	int r = field_get(parse->place, spec, "ports", FIELD_ARRAY, &ports, parse->err);

	if (r <= 0)
		return r;
	claim->ports = calloc(json_array_size(ports) + 1, sizeof(*claim->ports));
	if (!claim->ports)
		return err_nomem(parse->err);
	json_array_foreach(ports, i, item)
	{
		if (!json_is_object(item))
			return place_err(parse->err, -EINVAL, parse->place, spec, "ports",
					 "ports must be a list of mappings");
		r = field_get(parse->place, item, "port", FIELD_INTEGER, &number, parse->err);
		if (r < 0)
			return r;
		if (!r || json_integer_value(number) < 1 || json_integer_value(number) > UINT16_MAX)
			return place_err(parse->err, -EINVAL, parse->place, spec, "ports",
					 "a port must be a number from 1 to 65535");
		claim->ports[claim->port_count++] = json_integer_value(number);
	}
	return 0;
}

static int take_traffic_policy(const struct parse *parse, const json_t *spec, struct claim *claim)
{
	const char *policy = "Cluster";
	int r = field_string(parse->place, spec, "externalTrafficPolicy", &policy, parse->err);

	if (r < 0)
		return r;
	claim->local = !strcmp(policy, "Local");
	if (!claim->local && *policy && strcmp(policy, "Cluster") != 0)
		return place_err(parse->err, -EINVAL, parse->place, spec, "externalTrafficPolicy",
				 "no externalTrafficPolicy '%s'; there are Cluster and Local",
				 policy);
	return 0;
}

static int take_spec(const struct parse *parse, const json_t *object, const json_t *annotations,
		     struct claim *claim)
{
	json_t *spec = NULL;
	const char *type = "";
	int r = field_get(parse->place, object, "spec", FIELD_OBJECT, &spec, parse->err);

	if (r >= 0)
		r = field_string(parse->place, spec, "type", &type, parse->err);
	if (r >= 0)
		r = copy_field(parse, spec, "loadBalancerClass", &claim->class);
	if (r >= 0)
		r = take_requests(parse, spec, annotations, claim);
	if (r >= 0)
		r = take_families(parse, spec, claim);
	if (r >= 0)
		r = take_ports(parse, spec, claim);
	if (r >= 0)
		r = take_traffic_policy(parse, spec, claim);
	if (r >= 0)
		r = labels_parse(parse->place, spec, "selector", &claim->pods, parse->err);
	claim->load_balancer = !strcmp(type, "LoadBalancer");
	return r;
}

int claim_parse(const struct place *place, const json_t *object, const char *namespace,
		const char *name, const struct labels *labels, claim_note_fn *note, void *data,
		struct claim **ret_claim, struct err *err)
{
	const struct parse parse = { place, note, data, err };
	_cleanup_(claim_drop) struct claim *claim = calloc(1, sizeof(*claim));
	json_t *metadata = NULL, *annotations = NULL;
	int r;

	if (!claim)
		return err_nomem(err);
	claim->references = 1;
	r = copy(&parse, namespace, &claim->namespace);
	if (!r)
		r = copy(&parse, name, &claim->name);
	for (size_t i = 0; i < labels->count && !r; i++)
		r = labels_set(&claim->labels, labels->list[i].key, labels->list[i].value, err);
	if (!r)
		r = field_get(place, object, "metadata", FIELD_OBJECT, &metadata, err);
	if (r >= 0)
		r = copy_field(&parse, metadata, "creationTimestamp", &claim->created);
	if (r >= 0 && !claim->created)
		r = copy(&parse, "", &claim->created);
	if (r >= 0)
		r = field_get(place, metadata, "annotations", FIELD_OBJECT, &annotations, err);
	if (r >= 0)
		r = copy_annotation(&parse, annotations, annotation_key, &claim->sharing_key);
	if (r >= 0)
		r = copy_annotation(&parse, annotations, annotation_namespaces,
				    &claim->sharing_namespaces);
	if (r >= 0)
		r = take_spec(&parse, object, annotations, claim);
	if (r < 0)
		return r;
	*ret_claim = claim;
	claim = NULL;
	return 0;
}

int claim_compare(const struct claim *a, const struct claim *b)
{
	int order = strcmp(a->created, b->created);

	if (!order)
		order = strcmp(a->namespace, b->namespace);
	return order ? order : strcmp(a->name, b->name);
}

/* Is @namespace one of @claim's sharing_namespaces, or "*" among them? */
static bool allows_namespace(const struct claim *claim, const char *namespace)
{
	const char *at = claim->sharing_namespaces ?: "";
	size_t length;

	for (; *at; at += length) {
		at += strspn(at, SEPARATORS);
		length = strcspn(at, SEPARATORS);
		if ((length == 1 && *at == '*') ||
		    (length == strlen(namespace) && !strncmp(at, namespace, length)))
			return length > 0;
	}
	return false;
}

static bool common_port(const struct claim *a, const struct claim *b)
{
	for (size_t i = 0; i < a->port_count; i++)
		for (size_t j = 0; j < b->port_count; j++)
			if (a->ports[i] == b->ports[j])
				return true;
	return false;
}

static bool same_labels(const struct labels *a, const struct labels *b)
{
	for (size_t i = 0; i < a->count; i++) {
		const char *value = labels_get(b, a->list[i].key);

		if (!value || strcmp(value, a->list[i].value) != 0)
			return false;
	}
	return a->count == b->count;
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ?: "", b ?: "");
}

bool claim_same_terms(const struct claim *a, const struct claim *b)
{
	return a == b || (same_text(a->sharing_key, b->sharing_key) &&
			  same_text(a->sharing_namespaces, b->sharing_namespaces) &&
			  a->port_count == b->port_count &&
			  (!a->port_count ||
			   !memcmp(a->ports, b->ports, a->port_count * sizeof(*a->ports))) &&
			  a->local == b->local && same_labels(&a->pods, &b->pods));
}

const char *claim_incompatible(const struct claim *a, const struct claim *b)
{
	if (!a->sharing_key || !b->sharing_key || strcmp(a->sharing_key, b->sharing_key) != 0)
		return "another sharing key";
	if (strcmp(a->namespace, b->namespace) != 0 &&
	    (!allows_namespace(a, b->namespace) || !allows_namespace(b, a->namespace)))
		return "another namespace, not permitted by both";
	/* by number alone: neither Cilium's data path nor an L2 answer tells protocols apart */
	if (common_port(a, b))
		return "the same port";
	if (a->local != b->local)
		return "another external traffic policy";
	if (a->local && (!a->pods.count || !same_labels(&a->pods, &b->pods)))
		return "external traffic policy Local for other pods";
	return NULL;
}
