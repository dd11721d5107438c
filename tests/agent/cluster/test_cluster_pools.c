// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pools of a Kubernetes cluster: what is written into statuses, how often, and how long each
 * turn of the event loop takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <criterion/criterion.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "cluster.h"
#include "played_api.h"
#include "source_base.h"

#define NODES  "/api/v1/nodes/"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/xdp-l2resp/leases/"

/* ---- the node ---- */

static struct {
	sd_event *event;
	struct source *source;
	size_t changed;
	char logged[256];    /* the last error */
	char refused[2][64]; /* whose status couldn't be written, whose condition: origins */
	uint64_t longest_ns; /* CPU time of a turn */
	uint64_t all_ns;     /* of all turns */
	bool stood_still;    /* the machine did, for a third of a second */
} node;

static void on_changed(void *userdata)
{
	node.changed++;
}

static void on_log(int priority, const char *origin, const char *text, void *userdata)
{
	if (priority <= LOG_ERR)
		snprintf(node.logged, sizeof(node.logged), "%s", text);
	if (!strncmp(text, "writing the ", strlen("writing the ")))
		snprintf(node.refused[strstr(text, " condition of ") != NULL],
			 sizeof(node.refused[0]), "%s", origin ?: "none");
}

static void on_stopped(void *userdata)
{
}

static const struct source_callbacks callbacks = { on_changed, on_log, on_stopped };

/* Returns whether something happened within 100 ms. */
static bool turn(void)
{
	int r = sd_event_prepare(node.event);
	uint64_t begun_ns = clock_boot_ns();

	if (!r)
		r = sd_event_wait(node.event, 100000);
	node.stood_still = node.stood_still || clock_boot_ns() > begun_ns + 333000000;
	if (!r)
		return false;
	begun_ns = clock_thread_cpu_ns();
	cr_assert_geq(sd_event_dispatch(node.event), 0);
	begun_ns = clock_thread_cpu_ns() - begun_ns;
	node.longest_ns = begun_ns > node.longest_ns ? begun_ns : node.longest_ns;
	node.all_ns += begun_ns;
	return true;
}

/* Until @condition is so; fails after four minutes. */
#define until(condition)                                                          \
	do {                                                                      \
		uint64_t until_ns = clock_boot_ns() + 240 * UINT64_C(1000000000); \
		while (!(condition)) {                                            \
			cr_assert(clock_boot_ns() < until_ns, "%s", #condition);  \
			turn();                                                   \
		}                                                                 \
	} while (0)

/* Until three waits bring nothing: what is due after the machine stood still comes in the first. */
static void until_quiet(void)
{
	for (int waits = 0; waits < 3; waits++)
		if (turn())
			waits = -1;
}

static char *service_path(int number)
{
	return xasprintf(SERVICES "s%d", number);
}

static void add_services(int count)
{
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *path = service_path(i);

		store(path,
		      parse("{'metadata': {'name': 's%d', 'namespace': 'default', 'uid': 'u%d', "
			    "'generation': 1, 'creationTimestamp': '2026-01-01T00:00:00Z'}, "
			    "'spec': {'type': 'LoadBalancer', 'ports': [{'port': 80}]}, "
			    "'status': {'loadBalancer': {}}}",
			    i, i),
		      "ADDED");
	}
}

/* The address at @index that the status of Service @number has; "": none. */
static const char *address_at(int number, size_t index)
{
	_cleanup_free_ char *path = service_path(number);
	const json_t *status = json_object_get(json_object_get(server.objects, path), "status");
	const json_t *ingress = json_object_get(json_object_get(status, "loadBalancer"), "ingress");

	return json_string_value(json_object_get(json_array_get(ingress, index), "ip")) ?: "";
}

static const char *address(int number)
{
	return address_at(number, 0);
}

static void make_cluster(void)
{
	cr_assert_geq(sd_event_new(&node.event), 0);
	server.objects = json_object();
	server.version = 10;
}

static void store_pool(const char *name, const char *blocks)
{
	_cleanup_free_ char *path = xasprintf(POOLS "%s", name);

	store(path,
	      parse("{'metadata': {'name': '%s', 'generation': 1}, 'spec': {'blocks': [%s]}}", name,
		    blocks),
	      "ADDED");
}

static void set_ingress(int number, const char *ip)
{
	_cleanup_free_ char *path = service_path(number);

	change(path, parse("{'status': {'loadBalancer': {'ingress': [{'ip': '%s'}]}}}", ip));
}

static bool has_status(const char *path)
{
	return json_object_get(json_object_get(server.objects, path), "status");
}

/* A node that follows the cluster. */
static void join(bool class_required)
{
	const struct source_options options = {
		.kubernetes = { .server = "http://played",
				.namespace = "xdp-l2resp",
				.timeout_ns = 10000000000,
				.retry_max_ns = 10000000000 },
		.node = "n1",
		.class = { "io.cilium/l2-announcer", class_required },
		.pools = true,
	};
	struct err err;

	cr_assert_eq(cluster_new(node.event, &options, &callbacks, NULL, &node.source, &err), 0,
		     "%s", err.text);
}

/* With @lease, JSON as for parse(), as the Lease of who gives addresses; NULL: there is none. */
static void start_with(int services, const char *lease)
{
	make_cluster();
	store_pool("a", "{'cidr': '198.18.0.0/16'}");
	add_services(services);
	if (lease)
		store(LEASES "l2resp-ipam", parse("%s", lease), "ADDED");
	join(false);
}

static void start(int services)
{
	start_with(services, NULL);
}

static void stop(void)
{
	source_free(node.source);
	sd_event_unref(node.event);
	json_decref(server.objects);
}

TestSuite(cluster_pools, .fini = stop);

/* Under a sanitizer all takes ten times as long. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#define MANY	  2000
#else
#define SANITIZED false
#define MANY	  20000
#endif

/* Until a hundred of many Services are written. A turn is 1/120 of that at most; where turns have
 * no bound, a ninth. */
static bool a_turn_is_long(void)
{
	node.longest_ns = node.all_ns = 0;
	server.writes = 0;
	start(MANY);
	until(server.writes >= 100);
	return node.longest_ns > node.all_ns / 20;
}

/* Interrupts, and what a hypervisor gives to others, count as ours: they don't come three times. */
Test(cluster_pools, no_turn_is_long, .disabled = SANITIZED)
{
	bool is_long = a_turn_is_long();

	for (int again = 0; again < 2 && is_long; again++) {
		stop();
		is_long = a_turn_is_long();
	}
	cr_expect(!is_long, "%.1f ms of %.1f", node.longest_ns / 1e6, node.all_ns / 1e6);
}

/* The status's conditions of pool a. */
static size_t pool_conditions(void)
{
	const json_t *pool = json_object_get(server.objects, POOLS "a");

	return json_array_size(json_object_get(json_object_get(pool, "status"), "conditions"));
}

/* Of a pool, only what decisions depend on has all decided again. */
Test(cluster_pools, status_of_a_pool_is_no_change)
{
	size_t changed;

	start(3);
	until(*address(2));
	until_quiet();
	changed = node.changed;
	cr_assert(pool_conditions());
	change(POOLS "a", parse("{'metadata': {'managedFields': [{'manager': 'x'}]}}"));
	until_quiet();
	cr_expect_eq(node.changed, changed);
	/* whoever writes another status, it is written again */
	change(POOLS "a", parse("{'status': {'conditions': []}}"));
	until(pool_conditions());
	until_quiet();
	cr_expect_eq(node.changed, changed);
	change(POOLS "a", parse("{'metadata': {'generation': 2}, "
				"'spec': {'blocks': [{'cidr': '198.19.0.0/24'}]}}"));
	until(!strncmp(address(0), "198.19.", 7));
	cr_expect_gt(node.changed, changed);
}

/* While it isn't known what came of a write, it isn't sent again, whatever else happens. */
Test(cluster_pools, each_is_written_once)
{
	start(3);
	server.secret = true;
	until(server.writes == 3);
	change(POOLS "a", parse("{'metadata': {'labels': {'x': 'y'}}}"));
	until_quiet();
	cr_expect_eq(server.writes, 3);
	server.secret = false;
	for (int i = 0; i < 3; i++) {
		_cleanup_free_ char *path = service_path(i);

		change(path, json_object());
	}
	/* after all Services, the pool */
	until(json_object_get(json_object_get(server.objects, POOLS "a"), "status"));
	until_quiet();
	cr_expect_eq(server.writes, 3);
}

/* What others take out of a status is put back; the same after a refusal. */
Test(cluster_pools, lost_status_is_written_again)
{
	_cleanup_free_ char *path = service_path(1), *had = NULL;

	start(3);
	until(*address(2));
	until_quiet();
	had = xstrdup(address(1));
	server.refuse = 1;
	change(path, parse("{'status': {'loadBalancer': {'ingress': []}}}"));
	cr_expect_str_empty(address(1));
	until(*address(1));
	cr_expect_str_eq(address(1), had);
	cr_expect_eq(server.refuse, 0);
}

/* One that others put there twice doesn't count as two. */
Test(cluster_pools, the_same_address_twice)
{
	_cleanup_free_ char *path = service_path(0);

	start(1);
	change(path, parse("{'metadata': {'annotations': "
			   "{'lbipam.cilium.io/ips': '198.18.5.1,198.18.5.2'}}}"));
	until(*address_at(0, 1));
	until_quiet();
	change(path, parse("{'status': {'loadBalancer': "
			   "{'ingress': [{'ip': '198.18.5.1'}, {'ip': '198.18.5.1'}]}}}"));
	until(!strcmp(address_at(0, 1), "198.18.5.2"));
	cr_expect_str_eq(address(0), "198.18.5.1");
}

/* Done, but the answer was lost: though the pool no longer selects the Service, nobody else gets
 * its address before the watch shows what became of the write. */
Test(cluster_pools, lost_answer)
{
	_cleanup_free_ char *path = service_path(0);

	start(1);
	server.secret = true;
	server.fail = 1;
	until(server.writes && !server.fail);
	change(POOLS "a", parse("{'metadata': {'generation': 2}, 'spec': {'serviceSelector': "
				"{'matchLabels': {'x': 'y'}}}}"));
	server.secret = false;
	store(SERVICES "s1",
	      parse("{'metadata': {'name': 's1', 'namespace': 'default', 'uid': 'u1', "
		    "'labels': {'x': 'y'}, 'creationTimestamp': '2025-01-01T00:00:00Z'}, "
		    "'spec': {'type': 'LoadBalancer', 'ports': [{'port': 80}]}}"),
	      "ADDED");
	until(*address(1));
	cr_expect_str_eq(address(1), "198.18.0.1");
	show(path, "MODIFIED");
	until(!*address(0));
	until_quiet();
	cr_expect_str_eq(address(1), "198.18.0.1");
}

/* Services that change after each write don't keep another's status from being written. */
Test(cluster_pools, in_turns)
{
	server.flaps = true;
	start(40);
	until(*address(9) || server.writes > 1000);
	cr_expect(*address(9));
}

/* A namespace whose Services can't be written doesn't keep others' lines out of the log. */
Test(cluster_pools, refusals_are_of_their_namespace)
{
	const struct service service = { .namespace = (char *)"default", .name = (char *)"s0" };
	const struct announced announced = { &service, "True", "Announced", "x", 0, false };

	server.denies = true;
	start(1);
	until(*node.refused[0]);
	cr_expect_str_eq(node.refused[0], "services default");
	source_say_announced(node.source, &announced);
	until(*node.refused[1]);
	cr_expect_str_eq(node.refused[1], "services default");
}

/* Others that wait for the leader say nothing; who can't know when it is gone says why it waits. */
Test(cluster_pools, a_leader_of_a_newer_version)
{
	start_with(1,
		   "{'metadata': {'name': 'l2resp-ipam', "
		   "'annotations': {'xdp-l2resp.io/record': '{\\\"version\\\": 2}'}}, 'spec': {}}");
	until(*node.logged);
	cr_expect_str_eq(node.logged,
			 "lease l2resp-ipam: its record is of a newer version; upgrade this agent");
}

/* As of a leader before, or of Cilium's operator: an address, and the condition. */
static void set_status(int number, const char *ip)
{
	_cleanup_free_ char *path = service_path(number);

	set_ingress(number, ip);
	change(path, parse("{'status': {'conditions': [{'type': 'cilium.io/IPAMRequestSatisfied', "
			   "'status': 'True', 'reason': 'satisfied', 'message': '', "
			   "'observedGeneration': 1}]}}"));
}

/* Another program's Services are left to it, also if it is Cilium's operator. */
static void leave_to_others(bool class_required, const char *class)
{
	make_cluster();
	store_pool("a", "{'cidr': '198.18.0.0/16'}");
	add_services(2);
	if (class)
		change(SERVICES "s0", parse("{'spec': {'loadBalancerClass': '%s'}}", class));
	set_status(0, "198.18.7.7");
	change(SERVICES "s1", parse("{'spec': {'loadBalancerClass': 'io.cilium/l2-announcer'}}"));
	join(class_required);
	until(*address(1));
	until_quiet();
	cr_expect_str_eq(address(0), "198.18.7.7");
	cr_expect_eq(server.writes, 1);
}

Test(cluster_pools, another_class)
{
	leave_to_others(false, "io.cilium/bgp-control-plane");
}

Test(cluster_pools, no_class)
{
	leave_to_others(true, NULL);
}

/* Of another type now: what was given is taken back. */
Test(cluster_pools, another_type)
{
	start(1);
	until(*address(0));
	until_quiet();
	change(SERVICES "s0", parse("{'spec': {'type': 'ClusterIP'}}"));
	until(!*address(0));
}

static bool leads(void)
{
	struct source_status status;

	source_status(node.source, &status);
	return status.leads;
}

/* Why the pools have given Service @number nothing; valid until the next call. */
static const char *why_not(int number)
{
	static struct why why;
	_cleanup_free_ char *name = xasprintf("s%d", number);
	const struct service service = { .namespace = (char *)"default",
					 .name = name,
					 .wants_load_balancer = true };

	source_why_no_more(node.source, &service, &why);
	return why.text.text;
}

/* A new leader that has never seen a pool's valid version takes back nothing that came from it, and
 * gives nothing, until the pool is right again. With @other pools, or without. */
static void wrong_pool(bool other)
{
	make_cluster();
	if (other)
		store_pool("a", "{'cidr': '198.18.0.0/24'}");
	store_pool("b", "{'cidr': '198.19.0.0/33'}");
	store(POLICIES "p", parse("{'metadata': {'name': 'p'}, 'spec': {}}"), "ADDED");
	add_services(4);
	for (int i = 0; i < 3; i++) {
		_cleanup_free_ char *ip = xasprintf("198.19.0.%d", i + 5);

		set_status(i, ip);
	}
	join(false);
	until(leads());
	until_quiet();
	cr_expect_eq(server.writes, 0);
	cr_expect_str_empty(address(3));
	cr_expect(strstr(why_not(3), "the pools give nothing new for now: pool b: "), "%s",
		  why_not(3));
	cr_expect(strstr(why_not(3), "198.19.0.0/33"), "%s", why_not(3));
	change(POOLS "b", parse("{'spec': {'blocks': [{'cidr': '198.19.0.0/24'}]}}"));
	until(*address(3));
	until_quiet();
	for (int i = 0; i < 3; i++) {
		_cleanup_free_ char *ip = xasprintf("198.19.0.%d", i + 5);

		cr_expect_str_eq(address(i), ip);
	}
	cr_expect_eq(server.writes, 1);
}

Test(cluster_pools, a_wrong_pool)
{
	wrong_pool(true);
}

Test(cluster_pools, only_a_wrong_pool)
{
	wrong_pool(false);
}

/* If this process has seen its valid version, that counts. */
Test(cluster_pools, a_pool_that_becomes_wrong)
{
	start(1);
	until(*address(0));
	change(POOLS "a", parse("{'spec': {'blocks': [{'cidr': '198.18.0.0/33'}]}}"));
	add_services(2);
	until(*address(1));
}

/* The address of a Service that a new leader can't parse is given to nobody else, and stays. */
Test(cluster_pools, a_wrong_service)
{
	make_cluster();
	store_pool("a", "{'cidr': '198.18.0.0/16'}");
	add_services(2);
	set_status(0, "198.18.0.0");
	change(SERVICES "s0", parse("{'metadata': {'annotations': {'xdp-l2resp.io/mac': 'x'}}}"));
	join(false);
	until(*address(1));
	cr_expect_str_eq(address(1), "198.18.0.1");
	until_quiet();
	cr_expect_str_eq(address(0), "198.18.0.0");
	cr_expect_eq(server.writes, 1);
	change(SERVICES "s0", parse("{'metadata': {'annotations': {'xdp-l2resp.io/mac': null}}}"));
	until_quiet();
	cr_expect_str_eq(address(0), "198.18.0.0");
	/* wrong again, then gone: only then it is free */
	change(SERVICES "s0", parse("{'metadata': {'annotations': {'xdp-l2resp.io/mac': 'x'}}}"));
	set_ingress(0, "198.18.0.2");
	until_quiet();
	change(SERVICES "s1", parse("{'metadata': {'annotations': "
				    "{'lbipam.cilium.io/ips': '198.18.0.2'}}}"));
	until(!*address(1));
	store(SERVICES "s0", json_deep_copy(json_object_get(server.objects, SERVICES "s0")),
	      "DELETED");
	until(*address(1));
	cr_expect_str_eq(address(1), "198.18.0.2");
}

/* Nor does it lose its place among those that share the address. */
Test(cluster_pools, a_wrong_service_that_shares)
{
	make_cluster();
	store_pool("a", "{'cidr': '198.18.0.0/16'}");
	add_services(2);
	change(SERVICES "s0",
	       parse("{'metadata': {'annotations': {'lbipam.cilium.io/sharing-key': 'k'}}}"));
	change(SERVICES "s1",
	       parse("{'metadata': {'annotations': {'lbipam.cilium.io/sharing-key': 'k'}}, "
		     "'spec': {'ports': [{'port': 443}]}}"));
	join(false);
	until(*address(0) && *address(1));
	until_quiet();
	cr_assert_str_eq(address(0), "198.18.0.0");
	cr_assert_str_eq(address(1), "198.18.0.0");
	change(SERVICES "s0", parse("{'metadata': {'annotations': {'xdp-l2resp.io/mac': 'x'}}}"));
	until_quiet();
	change(SERVICES "s1", parse("{'spec': {'ports': [{'port': 443}, {'port': 80}]}}"));
	until_quiet();
	change(SERVICES "s0", parse("{'metadata': {'annotations': {'xdp-l2resp.io/mac': null}}}"));
	until_quiet();
	cr_expect_str_eq(address(0), "198.18.0.0");
	cr_expect_str_eq(address(1), "198.18.0.1");
}

/* Of Services over the bound not even the addresses are known: nothing is given, nor taken back. */
Test(cluster_pools, services_over_the_bound, .disabled = SANITIZED)
{
	make_cluster();
	store_pool("a", "{'cidr': '198.18.0.0/16'}");
	add_services(1);
	for (int i = 0; i < 50000; i++) {
		_cleanup_free_ char *path = xasprintf(SERVICES "x%d", i);

		store(path,
		      parse("{'metadata': {'name': 'x%d', 'namespace': 'default'}, 'spec': {}}", i),
		      "ADDED");
	}
	join(false);
	until(leads());
	until(strstr(why_not(0), "more than 50000 objects"));
	until_quiet();
	cr_expect_eq(server.writes, 0);
	cr_expect(strstr(why_not(0), "more than 50000 objects"), "%s", why_not(0));
}

/* A watch that has shown nothing for a while: what the leader before has written counts. */
Test(cluster_pools, a_leader_lists_services)
{
	make_cluster();
	add_services(1);
	join(false);
	until(source_known(node.source));
	until_quiet();
	server.secret = true;
	store(SERVICES "s1",
	      parse("{'metadata': {'name': 's1', 'namespace': 'default', 'uid': 'u1', "
		    "'creationTimestamp': '2026-02-02T00:00:00Z'}, "
		    "'spec': {'type': 'LoadBalancer', 'ports': [{'port': 80}]}}"),
	      "ADDED");
	set_ingress(1, "198.18.0.0");
	store_pool("a", "{'cidr': '198.18.0.0/16'}");
	until(*address(0));
	cr_expect_str_eq(address(0), "198.18.0.1");
	cr_expect_str_eq(address(1), "198.18.0.0");
}

/* A tenant's Services that are written all the time, and a pool whose status can't be. */
Test(cluster_pools, statuses_of_pools)
{
	server.flaps = true;
	server.spurned = POOLS "a";
	start(40);
	store_pool("b", "{'cidr': '198.19.0.0/16'}");
	until(has_status(POOLS "b"));
	cr_expect_geq(server.spurns, 1);
	server.spurned = NULL;
	until(has_status(POOLS "a"));
}

/* Services whose writes fail are written again once a second, and others don't wait for that. */
Test(cluster_pools, services_that_cannot_be_written, .disabled = SANITIZED)
{
	uint64_t begun_ns;

	server.refuse = 16;
	server.spurned = SERVICES "s9";
	start(17);
	until(!server.refuse);
	begun_ns = clock_boot_ns();
	node.stood_still = false;
	until(server.spurns);
	cr_expect(clock_boot_ns() < begun_ns + 900000000 || node.stood_still);
	until(server.spurns >= 4);
	cr_expect_gt(clock_boot_ns(), begun_ns + 1500000000);
	server.spurned = NULL;
	until(*address(9));
	cr_expect_eq(server.writes, 17);
}

/* A new leader, whose Services have their addresses, of a server that keeps no conditions of them:
 * the writes that change nothing show it. */
Test(cluster_pools, conditions_that_are_not_kept)
{
	make_cluster();
	store_pool("a", "{'cidr': '198.18.0.0/16'}");
	add_services(40);
	for (int i = 0; i < 40; i++) {
		_cleanup_free_ char *ip = xasprintf("198.18.0.%d", i);

		set_ingress(i, ip);
	}
	server.ignored = SERVICES;
	join(false);
	until(has_status(POOLS "a"));
	until_quiet();
	cr_expect_geq(server.ignores, 1);
	cr_expect_leq(server.ignores, 16, "those that were in flight");
}

/* Nor is one that has no address, and gets none, written again and again. */
Test(cluster_pools, no_address_and_no_conditions)
{
	uint64_t begun_ns;

	make_cluster();
	store_pool("a", "{'cidr': '198.18.0.0/16'}");
	add_services(1);
	change(SERVICES "s0",
	       parse("{'metadata': {'annotations': {'lbipam.cilium.io/ips': '198.19.0.1'}}}"));
	server.ignored = SERVICES;
	join(false);
	until(server.ignores);
	begun_ns = clock_boot_ns();
	until(clock_boot_ns() > begun_ns + 2500000000);
	cr_expect_eq(server.ignores, 1);
}

/* Addresses that aren't kept, and conditions of a pool: such writes are repeated once a second. */
static void repeated(const char *ignored)
{
	uint64_t begun_ns;

	server.ignored = ignored;
	start(1);
	until(server.ignores);
	begun_ns = clock_boot_ns();
	until(server.ignores >= 4);
	cr_expect_gt(clock_boot_ns(), begun_ns + 2500000000);
	server.ignored = NULL;
	until(has_status(POOLS "a") && *address(0));
}

Test(cluster_pools, an_address_that_is_not_kept)
{
	repeated(SERVICES "s0");
}

Test(cluster_pools, conditions_of_a_pool_that_are_not_kept)
{
	repeated(POOLS);
}

/* Of a server that was restored, without a write that it had accepted. */
Test(cluster_pools, a_write_that_is_lost)
{
	json_t *before;

	start(1);
	before = json_deep_copy(json_object_get(server.objects, SERVICES "s0"));
	server.secret = true;
	until(*address(0));
	until_quiet();
	cr_expect_eq(server.writes, 1);
	json_object_set_new(server.objects, SERVICES "s0", before);
	server.secret = false;
	expire(SERVICES "s0");
	until(*address(0));
}

/* Another node's Node with more labels than are read, then with fewer. */
Test(cluster_pools, a_node_that_was_wrong)
{
	json_t *object = parse("{'metadata': {'name': 'n2', 'labels': {}}, 'status': {'addresses': "
			       "[{'type': 'InternalIP', 'address': '198.18.0.1'}]}}");
	json_t *right = json_deep_copy(object), *labels;
	const struct source_item *item;

	labels = json_object_get(json_object_get(object, "metadata"), "labels");
	for (int i = 0; i <= LABELS_MAX; i++) {
		_cleanup_free_ char *label = xasprintf("l%d", i);

		json_object_set_new(labels, label, json_string("x"));
	}
	start(1);
	store(NODES "n2", object, "ADDED");
	until(source_nodes(node.source, true));
	item = source_items_find_object(&node.source->items, SOURCE_ITEM_NODES, NULL, "n2");
	cr_assert(item && item->broken && !item->manifest.node_count);
	store(NODES "n2", right, "MODIFIED");
	until(item->manifest.node_count);
}
