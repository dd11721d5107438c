// SPDX-License-Identifier: GPL-2.0-or-later
/* Pools and the Services that want of them: what is refused and noted, and what many cost. What is
 * given to whom is tests/system/promises' to ask. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "allocator.h"
#include "clock.h"
#include "document.h"
#include "growth.h"
#include "manifest.h"

#define POOL(name, spec)                                                         \
	"---\n{apiVersion: cilium.io/v2alpha1, kind: CiliumLoadBalancerIPPool, " \
	"metadata: {name: " name "}, spec: {" spec "}}\n"
/* @metadata and @spec begin with a comma, if they aren't empty */
#define SERVICE(name, metadata, spec)                                                \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name metadata "}, " \
	"spec: {type: LoadBalancer" spec "}}\n"
#define SPEC(name, spec)	SERVICE(name, "", ", " spec)
#define META(name, metadata)	SERVICE(name, ", " metadata, "")
#define NOTE(name, annotations) META(name, "annotations: {" annotations "}")
#define IPS(name, ips)		NOTE(name, "lbipam.cilium.io/ips: \"" ips "\"")
#define SHARE(name, key, ports, spec)                                           \
	SERVICE(name, ", annotations: {lbipam.cilium.io/sharing-key: " key "}", \
		", ports: [" ports "]" spec)
#define LOCAL(name, ports, spec)                                             \
	SERVICE(name,                                                        \
		", annotations: {lbipam.cilium.io/sharing-key: k, "          \
		"lbipam.cilium.io/sharing-permit-different-pods: \"true\"}", \
		", ports: [" ports "], externalTrafficPolicy: Local" spec)
#define PORT(number) "{port: " #number "}, "

#define NOTED_POOL(name, annotations, cidr)                                                        \
	"---\n{apiVersion: cilium.io/v2alpha1, kind: CiliumLoadBalancerIPPool, "                   \
	"metadata: {name: " name ", annotations: {" annotations "}}, spec: {blocks: [{cidr: " cidr \
	"}]}}\n"

static const struct service_class class = { "xdp-l2resp", false };

static void note(const char *text, void *data)
{
}

static int take(const struct yaml_document *document, void *data, struct err *err)
{
	const struct place place = { "given", document };

	return manifest_add(data, &place, document->root, note, NULL, err);
}

/* Objects that are refused, and what is said; a note isn't a refusal. */
static const struct {
	const char *given;
	const char *said;
} refused[] = {
	{ NOTED_POOL("a", "xdp-l2resp.io/priority: high", "10.0.10.0/24"), "takes a number" },
	{ NOTED_POOL("a", "xdp-l2resp.io/priority: \"-1\"", "10.0.10.0/24"), "takes a number" },
	{ NOTED_POOL("a", "xdp-l2resp.io/auto-assign: \"no\"", "10.0.10.0/24"), "takes one of" },
	{ POOL("a", "blocks: [{cidr: 10.0.10.0/33}]"), "not an IP prefix" },
	{ POOL("a", "blocks: [{cidr: 10.0.10.0}]"), "a block needs a cidr" },
	{ POOL("a", "blocks: [{cidr: ten/8}]"), "not an IP prefix" },
	{ POOL("a", "blocks: [{cidr: 10.0.10.0/8x}]"), "not an IP prefix" },
	{ POOL("a", "blocks: [{cidr: 0.0.0.0/0}]"), "can't be announced" },
	{ POOL("a", "blocks: [{cidr: \"ff02::/64\"}]"), "multicast" },
	{ POOL("a", "blocks: [{}]"), "a block needs a cidr" },
	{ POOL("a", "blocks: [{stop: 10.0.10.1}]"), "not a range" },
	{ POOL("a", "blocks: [{start: 10.0.10.9, stop: 10.0.10.1}]"), "runs backwards" },
	{ POOL("a", "blocks: [{start: 10.0.10.9, stop: \"2001:db8::1\"}]"), "not a range" },
	{ POOL("a", "blocks: [{cdir: 10.0.10.0/24}]"), "no key 'cdir'" },
	{ POOL("a", "blocks: [10.0.10.0/24]"), "list of mappings" },
	{ POOL("a", "blocks: {cidr: 10.0.10.0/24}"), "must be a list" },
	{ POOL("a", "cidrs: [{cidr: 10.0.10.0/24}]"), "no key 'cidrs'" },
	{ POOL("a", "serviceSelecter: {}"), "no key 'serviceSelecter'" },
	{ POOL("a", "disabled: \"yes\""), "disabled must be true or false" },
	{ POOL("a", "allowFirstLastIPs: \"yes\""), "must be \"Yes\" or \"No\"" },
	{ POOL("a", "allowFirstLastIPs: true"), "must be a string" },
	{ SPEC("s", "ipFamilyPolicy: DualStack"), "no ipFamilyPolicy" },
	{ SPEC("s", "ipFamilies: [ipv4]"), "no IP family" },
	{ SPEC("s", "ports: [{port: 0}]"), "from 1 to 65535" },
	{ SPEC("s", "ports: [{port: 65536}]"), "from 1 to 65535" },
	{ SPEC("s", "ports: [{name: http}]"), "from 1 to 65535" },
	{ SPEC("s", "ports: [80]"), "list of mappings" },
	{ SPEC("s", "ports: [{port: 80, protocol: tcp}]"), "no protocol 'tcp'" },
	{ SPEC("s", "ports: [{port: 80, protocol: 6}]"), "protocol must be a string" },
	{ SPEC("s", "externalTrafficPolicy: local"), "no externalTrafficPolicy" },
	{ NOTE("s", "lbipam.cilium.io/sharing-key: 7"), "must be a string" },
};

Test(allocator, refused)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *given = refused[i].given;
		struct manifest manifest = {};
		struct err err = {};
		int r = yaml_parse("given", given, strlen(given), take, &manifest, &err);

		cr_expect_lt(r, 0, "'%s'", given);
		cr_expect(strstr(err.text, refused[i].said), "'%s': %s", given, err.text);
		cr_expect(!strncmp(err.text, "given:2: ", 9), "%s", err.text);
		manifest_free(&manifest);
	}
}

/* Why two Services don't share, in the words of the condition and the log; "": they do. */
static const struct {
	const char *given;
	const char *why;
} conflicts[] = {
	{ SHARE("s", "k", PORT(80), "") SHARE("t", "l", PORT(81), ""), "another sharing key" },
	{ SHARE("s", "k", PORT(80), "") SHARE("t", "k", "{port: 80, protocol: UDP}", ""), "" },
	{ SHARE("s", "k", PORT(80), "") SHARE("t", "k", PORT(79) PORT(80), ""),
	  "the same port and protocol" },
	{ SHARE("s", "k", PORT(80), "") LOCAL("t", PORT(81), ""),
	  "another external traffic policy" },
	{ LOCAL("s", PORT(80), ", selector: {app: x}") LOCAL("t", PORT(81), ""),
	  "external traffic policy Local, and one has no selector" },
	{ LOCAL("s", PORT(80), "") LOCAL("t", PORT(81), ""),
	  "external traffic policy Local, and one has no selector" },
	{ LOCAL("s", PORT(80), ", selector: {app: x}") LOCAL("t", PORT(81), ", selector: {app: y}"),
	  "external traffic policy Local for other pods" },
};

Test(allocator, why_two_do_not_share)
{
	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		const char *given = conflicts[i].given, *why;
		struct manifest manifest = {};
		struct err err = {};

		cr_assert_eq(yaml_parse("given", given, strlen(given), take, &manifest, &err), 0);
		for (size_t first = 0; first < 2; first++) {
			why = service_sharing_conflict(manifest.services[first],
						       manifest.services[!first]);
			cr_expect_str_eq(why ?: "", conflicts[i].why, "%s", given);
		}
		manifest_free(&manifest);
	}
}

/* What is said of a Service that is accepted. */
static const struct {
	const char *given;
	const char *said;
} noted[] = {
	{ IPS("s", "10.0.10.7"), "" },
	{ NOTE("s", "lbipam.cilium.io/sharing-key: k, io.cilium/lb-ipam-ips: 10.0.10.7, a/b: c"),
	  "" },
	{ NOTE("s", "lbipam.cilium.io/ip: 10.0.10.7, lbipam.cilium.io/sharing-keys: k"),
	  "given:2: annotations that are ignored: lbipam.cilium.io/ip, "
	  "lbipam.cilium.io/sharing-keys" },
	{ NOTE("s", "kube-vip.io/loadbalancerIPs: 10.0.10.7"),
	  "given:2: annotations that are ignored: kube-vip.io/loadbalancerIPs; see "
	  "docs/migration.md" },
	{ NOTE("s", "xdp-l2resp.io/pool: a, xdp-l2resp.io/mac: virtual"), "" },
	{ NOTE("s", "xdp-l2resp.io/preferred-node: a"),
	  "given:2: annotations that are ignored: xdp-l2resp.io/preferred-node" },
	{ LOCAL("s", PORT(80), ""),
	  "given:2: annotations that are ignored: lbipam.cilium.io/sharing-permit-different-pods "
	  "(not supported: they don't share)" },
};

static void keep_note(const char *text, void *data)
{
	struct err *said = data;
	size_t used = strlen(said->text);

	snprintf(said->text + used, sizeof(said->text) - used, "%s", text);
}

static int take_noting(const struct yaml_document *document, void *data, struct err *err)
{
	const struct place place = { "given", document };
	struct manifest manifest = {};
	int r = manifest_add(&manifest, &place, document->root, keep_note, data, err);

	manifest_free(&manifest);
	return r;
}

Test(allocator, noted)
{
	for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++) {
		const char *given = noted[i].given;
		struct err err = {}, said = {};

		cr_assert_eq(yaml_parse("given", given, strlen(given), take_noting, &said, &err), 0,
			     "%s", err.text);
		cr_expect_str_eq(said.text, noted[i].said, "%s", given);
	}
}

/* A node goes, and nothing else changes. */
Test(allocator, who_waits_is_given_what_a_node_had)
{
	static const char given[] = POOL("a", "blocks: [{start: 10.0.10.1}]") SERVICE("s", "", "");
	struct allocator *allocator = allocator_new(&class);
	const struct address_list none = {};
	struct address_list own = {};
	struct manifest manifest = {};
	const struct verdict *verdict;
	struct address address;
	struct err err;
	size_t count;

	cr_assert_eq(yaml_parse("given", given, strlen(given), take, &manifest, &err), 0);
	cr_assert_eq(address_parse("10.0.10.1", &address), 0);
	address_list_add(&own, &address);
	allocator_set_reserved(allocator, &own);
	allocator_set_pools(allocator, manifest.pools, manifest.pool_count);
	allocator_set_service(allocator, manifest.services[0], &none);
	allocator_settle(allocator, &count);
	verdict = allocator_verdict(allocator, manifest.services[0]);
	cr_expect_str_eq(verdict->reason, "out_of_ips");
	allocator_set_reserved(allocator, &none);
	verdict = *allocator_settle(allocator, &count);
	cr_assert_eq(count, 1);
	cr_expect_str_eq(verdict->reason, "satisfied");
	address_list_free(&own);
	manifest_free(&manifest);
	allocator_free(allocator);
}

/* As many Services as a large cluster has: what a change of one costs, in nanoseconds of CPU time.
 */
#define MANY   5000
#define ROUNDS 500

static struct service *make_service(size_t at, uint32_t port)
{
	struct service *service = xcalloc(1, sizeof(*service));

	*service = (struct service){ .references = 1,
				     .namespace = xstrdup("default"),
				     .name = xasprintf("service-%zu", at),
				     .created = xstrdup(""),
				     .wants_load_balancer = true,
				     .v4 = true,
				     .v6 = true,
				     .ports = xmalloc(sizeof(port)),
				     .port_count = 1 };
	service->ports[0] = port;
	labels_set(&service->labels, "io.kubernetes.service.namespace", "default");
	labels_set(&service->labels, "io.kubernetes.service.name", service->name);
	labels_set(&service->labels, "app", service->name);
	return service;
}

static int compare_times(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* Sets Service @at, or removes it, and decides. Returns the nanoseconds. */
static uint64_t change(struct allocator *allocator, size_t at, uint32_t port)
{
	struct service *service = make_service(at, port);
	const struct address_list none = {};
	uint64_t took_ns = clock_thread_cpu_ns();
	size_t count;

	if (port)
		allocator_set_service(allocator, service, &none);
	else
		allocator_remove_service(allocator, service);
	allocator_settle(allocator, &count);
	took_ns = clock_thread_cpu_ns() - took_ns;
	service_unref(service);
	return took_ns;
}

/* Medians of a change, and of a removal and a new one, with @given as pools. */
static void measure(const char *name, const char *given)
{
	struct allocator *allocator = allocator_new(&class);
	uint64_t changes[ROUNDS], moves[ROUNDS], all_ns = clock_thread_cpu_ns(), change_ns, move_ns;
	const struct address_list none = {};
	struct manifest manifest = {};
	struct err err;
	size_t count;

	cr_assert_eq(yaml_parse("given", given, strlen(given), take, &manifest, &err), 0);
	allocator_set_pools(allocator, manifest.pools, manifest.pool_count);
	for (size_t i = 0; i < MANY; i++) {
		struct service *service = make_service(i, 80);

		allocator_set_service(allocator, service, &none);
		service_unref(service);
	}
	allocator_settle(allocator, &count);
	all_ns = clock_thread_cpu_ns() - all_ns;
	for (size_t i = 0; i < ROUNDS; i++) {
		changes[i] = change(allocator, i * 7919 % MANY, 80 + i);
		moves[i] = change(allocator, i * 6701 % MANY, 0);
		moves[i] += change(allocator, i * 6701 % MANY, 80);
	}
	qsort(changes, ROUNDS, sizeof(*changes), compare_times);
	qsort(moves, ROUNDS, sizeof(*moves), compare_times);
	change_ns = changes[ROUNDS / 2];
	move_ns = moves[ROUNDS / 2];
	fprintf(stderr,
		"# %s: %d Services in %.0f us, a change %.1f us, a removal and a new one %.1f us\n",
		name, MANY, all_ns / 1e3, change_ns / 1e3, move_ns / 1e3);
	cr_expect_lt(change_ns, all_ns / 100);
	/* who waits is asked again */
	cr_expect_lt(move_ns, all_ns / 10);
	manifest_free(&manifest);
	allocator_free(allocator);
}

Test(allocator, a_change_of_one_of_many_costs_a_fraction_of_all)
{
	measure("/8 and /64", POOL("a", "blocks: [{cidr: 10.0.0.0/8}, {cidr: \"2001:db8::/64\"}]"));
	measure("a thousand wait", POOL("a", "blocks: [{start: 10.0.0.0, stop: 10.0.15.159}, "
					     "{cidr: \"2001:db8::/64\"}]"));
}

/* Services of one key, each as @shape makes it by its number and @ports. Returns the nanoseconds
 * that they cost. */
static uint64_t share_many(size_t services, size_t ports,
			   void (*shape)(struct service *service, size_t at, size_t ports))
{
	struct allocator *allocator = allocator_new(&class);
	const char *given = POOL("a", "blocks: [{cidr: 10.0.0.0/8}]");
	const struct address_list none = {};
	struct manifest manifest = {};
	struct err err;
	uint64_t took_ns;
	size_t count;

	cr_assert_eq(yaml_parse("given", given, strlen(given), take, &manifest, &err), 0);
	allocator_set_pools(allocator, manifest.pools, manifest.pool_count);
	for (size_t i = 0; i < services; i++) {
		struct service *service = make_service(i, 1 + i);

		service->v6 = false;
		service->sharing_key = xstrdup("k");
		shape(service, i, ports);
		allocator_set_service(allocator, service, &none);
		service_unref(service);
	}
	took_ns = clock_thread_cpu_ns();
	cr_assert_eq(allocator_settle(allocator, &count)[services - 1]->addresses.count, 1);
	took_ns = clock_thread_cpu_ns() - took_ns;
	manifest_free(&manifest);
	allocator_free(allocator);
	return took_ns;
}

/* With @ports of every SETSth number and protocol, and with the highest of all, which is in every
 * one. */
#define SETS 9

static void has_ports(struct service *service, size_t at, size_t ports)
{
	service->ports = xreallocarray(service->ports, ports + 1, sizeof(*service->ports));
	for (size_t j = 0; j < ports; j++)
		service->ports[j] = j * SETS + at % SETS + 1;
	service->ports[ports] = SERVICE_PORT(2, UINT16_MAX);
	service->port_count = ports + 1;
}

/* Its owner permits many namespaces, but no other's. */
static void is_alone(struct service *service, size_t at, size_t ports)
{
	free(service->namespace);
	service->namespace = xasprintf("tenant-%zu", at);
	for (int i = 0; i < 20; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%d", i);
		labels_set(&service->sharing_namespaces, name, "");
	}
}

static uint64_t refuse_each_other(size_t services)
{
	return share_many(services, 0, is_alone);
}

Test(allocator, tenants_that_refuse_each_other_cost_little)
{
	cr_expect(is_linear(refuse_each_other, 4000));
}

static uint64_t have_ports(size_t ports)
{
	return share_many(20, ports, has_ports);
}

Test(allocator, ports_of_a_tenant_cost_little)
{
	cr_expect(is_linear(have_ports, 20000));
}

static uint64_t have_one_key(size_t services)
{
	return share_many(services, 0, has_ports);
}

Test(allocator, services_of_one_key_cost_little)
{
	cr_expect(is_linear(have_one_key, 4000));
}
