// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses of the pools for a directory of manifests: what is decided is in the Services and in
 * the file, or in neither; a file that is wrong, can't be written, or was being written when the
 * process was killed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <criterion/criterion.h>

#include "assignments.h"
#include "clock.h"
#include "directory_pools.h"
#include "document.h"
#include "growth.h"
#include "source_items.h"

#define POOL(name, blocks)                                                       \
	"---\n{apiVersion: cilium.io/v2alpha1, kind: CiliumLoadBalancerIPPool, " \
	"metadata: {name: " name "}, spec: {blocks: [" blocks "]}}\n"
#define A24 POOL("a", "{cidr: 198.18.0.0/24}")
#define LB(name, more)                                                            \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name "}, spec: " \
	"{type: LoadBalancer" more "}}\n"
#define WITH(name, spec, ip)                                                      \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name "}, spec: " \
	"{" spec "}, status: {loadBalancer: {ingress: [{ip: " ip "}]}}}\n"

static const struct service_class class = { "xdp-l2resp", false };

static char directory[] = "/tmp/l2resp-pools-XXXXXX";
static char path[64], beside[80];

static void setup(void)
{
	cr_assert(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/pools.json", directory);
	snprintf(beside, sizeof(beside), "%s.new", path);
}

static void teardown(void)
{
	unlink(path);
	unlink(beside);
	rmdir(directory);
}

/* A node: what it was told of last, and how often. */
struct host {
	struct directory_pools *pools;
	struct manifest manifests[2];
	int told;
	size_t turns; /* of the last decision */
	void (*between)(struct host *host);
	struct err err;
};

static void changed(const struct verdict *verdict, void *userdata)
{
	struct host *host = userdata;

	cr_expect(verdict->service);
	host->told++;
}

/* What nodes have as their own. */
static const struct address_list nodes;

static void start(struct host *host)
{
	*host = (struct host){};
	host->pools = directory_pools_new(path, false, &class, changed, host);
	cr_assert(host->pools);
}

static void stop(struct host *host)
{
	directory_pools_free(host->pools);
	manifest_free(&host->manifests[0]);
	manifest_free(&host->manifests[1]);
}

static void note(const char *text, void *data)
{
}

static int take(const struct yaml_document *document, void *data, struct err *err)
{
	const struct place place = { "given", document };

	return manifest_add(data, &place, document->root, note, NULL, err);
}

/* A decision, each step of which is a turn. */
static int decide(struct host *host, struct manifest *const *manifests, size_t count, bool broken)
{
	directory_pools_begin(host->pools, manifests, count, &nodes, broken);
	for (host->turns = 1; !directory_pools_continue(host->pools, 0); host->turns++)
		if (host->between)
			host->between(host);
	return directory_pools_use(host->pools, &host->err);
}

/* Updates @host with two files, the second of which may be absent. */
static int update_two(struct host *host, const char *first, const char *second, bool broken)
{
	struct manifest *manifests[] = { &host->manifests[0], &host->manifests[1] };

	for (int i = 0; i < 2; i++) {
		const char *text = i ? second : first;

		manifest_free(manifests[i]);
		cr_assert_eq(yaml_parse("given", text, strlen(text), take, manifests[i],
					&host->err),
			     0, "%s", host->err.text);
	}
	host->told = 0;
	host->err.text[0] = '\0';
	return decide(host, manifests, 2, broken);
}

static int update(struct host *host, const char *given)
{
	return update_two(host, given, "", false);
}

/* The addresses of the last Service called @name. */
static const char *addresses(const struct host *host, const char *name)
{
	static char text[256];
	char ip[INET6_ADDRSTRLEN];

	strcpy(text, "absent");
	for (int m = 0; m < 2; m++)
		for (size_t i = 0; i < host->manifests[m].service_count; i++) {
			const struct service *service = host->manifests[m].services[i];
			size_t length = 0;

			if (strcmp(service->name, name) != 0)
				continue;
			*text = '\0';
			for (size_t j = 0; j < service->load_balancer.count; j++)
				length += snprintf(
					text + length, sizeof(text) - length, "%s%s", j ? "," : "",
					address_format(&service->load_balancer.list[j], ip));
		}
	return text;
}

static void put(const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, size), (ssize_t)size);
	close(fd);
}

static const char *get(void)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	cr_assert_geq(size, 0);
	close(fd);
	text[size] = '\0';
	return text;
}

Test(directory_pools, addresses_stay_over_restarts, .init = setup, .fini = teardown)
{
	struct host host;

	start(&host);
	cr_assert_eq(update(&host, A24 LB("t", "")), 0, "%s", host.err.text);
	cr_expect_str_eq(addresses(&host, "t"), "198.18.0.0");
	cr_expect_eq(host.told, 1);
	cr_expect_str_eq(get(), "{\n \"version\": 1,\n \"assignments\": [\n"
				"  {\"namespace\": \"default\", \"name\": \"t\", "
				"\"addresses\": [\"198.18.0.0\"]}\n ]\n}\n");
	cr_assert_eq(update(&host, A24 LB("s", "") LB("t", "")), 0);
	cr_expect_eq(host.told, 1);
	stop(&host);
	/* from nothing it would be the other way round */
	start(&host);
	cr_assert_eq(update(&host, A24 LB("s", "") LB("t", "")), 0);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.1");
	cr_expect_str_eq(addresses(&host, "t"), "198.18.0.0");
	stop(&host);
	unlink(path);
	start(&host);
	cr_assert_eq(update(&host, A24 LB("s", "") LB("t", "")), 0);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.0");
	stop(&host);
}

Test(directory_pools, a_service_that_goes_gives_back, .init = setup, .fini = teardown)
{
	struct host host;

	start(&host);
	cr_assert_eq(update(&host, POOL("a", "{start: 198.18.0.1}") LB("s", "") LB("t", "")), 0);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.1");
	cr_expect_str_eq(addresses(&host, "t"), "");
	cr_assert_eq(update(&host, POOL("a", "{start: 198.18.0.1}") LB("t", "")), 0);
	cr_expect_str_eq(addresses(&host, "t"), "198.18.0.1");
	cr_expect_eq(host.told, 1);
	/* and in one update, from one to another */
	cr_assert_eq(update(&host, POOL("a", "{start: 198.18.0.1}")
					   LB("t", ", loadBalancerIP: 198.18.0.2") LB("u", "")),
		     0);
	cr_expect_str_eq(addresses(&host, "t"), "");
	cr_expect_str_eq(addresses(&host, "u"), "198.18.0.1");
	stop(&host);
}

Test(directory_pools, the_last_of_a_name_stands, .init = setup, .fini = teardown)
{
	struct host host;

	start(&host);
	cr_assert_eq(update_two(&host, A24 LB("s", ", loadBalancerIP: 198.18.0.7"),
				POOL("a", "{cidr: 198.18.1.0/24}") LB("s", ""), false),
		     0);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.1.0");
	cr_expect_eq(host.manifests[0].services[0]->load_balancer.count, 0);
	stop(&host);
}

/* The order of files and of what is in them decides nothing, as long as no name appears twice. */
Test(directory_pools, two_nodes_that_begin_with_the_same_agree, .init = setup, .fini = teardown)
{
	static const char *const names[] = { "s", "t", "u", "v" };
	char first[4][32];
	struct host host;

	start(&host);
	cr_assert_eq(update_two(&host, A24 LB("t", "") LB("v", ""),
				LB("s", ", loadBalancerIP: 198.18.0.1") LB("u", ""), false),
		     0);
	for (int i = 0; i < 4; i++)
		snprintf(first[i], sizeof(first[i]), "%s", addresses(&host, names[i]));
	stop(&host);
	unlink(path);
	start(&host);
	cr_assert_eq(update_two(&host,
				LB("u", "") LB("v", "") LB("s", ", loadBalancerIP: 198.18.0.1"),
				LB("t", "") A24, false),
		     0);
	for (int i = 0; i < 4; i++)
		cr_expect_str_eq(addresses(&host, names[i]), first[i], "%s", names[i]);
	stop(&host);
}

Test(directory_pools, others_are_left_alone, .init = setup, .fini = teardown)
{
	struct host host;

	start(&host);
	cr_assert_eq(update(&host, WITH("s", "type: LoadBalancer", "198.18.9.9")), 0);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.9.9", "no pool");
	cr_expect_eq(access(path, F_OK), -1, "nothing to write");
	cr_assert_eq(update(&host,
			    A24 WITH("s", "type: LoadBalancer, loadBalancerClass: x.org/y",
				     "198.18.0.0") WITH("t", "type: ClusterIP", "198.18.0.1")
				    WITH("u", "type: LoadBalancer", "198.18.0.9") LB("v", "")),
		     0);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.0", "another class");
	cr_expect_str_eq(addresses(&host, "t"), "198.18.0.1", "another type");
	cr_expect_str_eq(addresses(&host, "u"), "198.18.0.9", "taken over");
	cr_expect_str_eq(addresses(&host, "v"), "198.18.0.2");
	stop(&host);
}

#define ONE	      "{\"namespace\": \"default\", \"name\": \"s\", \"addresses\": [\"198.18.0.7\"]}"
#define FILE_OF(list) "{\"version\": 1, \"assignments\": [" list "]}"

/* Files that aren't believed, each with what is said. */
static const struct {
	const char *text;
	const char *said;
} corrupt[] = {
	{ "", "line 1" },
	{ "{", "line 1" },
	{ "[]", "version and assignments" },
	{ "{}", "version and assignments" },
	{ "{\"version\": 1}", "version and assignments" },
	{ "{\"version\": 2, \"assignments\": []}", "its version is 2, not 1" },
	{ "{\"version\": 1, \"version\": 1, \"assignments\": []}", "duplicate" },
	{ "{\"version\": 1, \"assignments\": {}}", "version and assignments" },
	{ "{\"version\": 1, \"assignments\": [], \"more\": 1}", "version and assignments" },
	{ FILE_OF("1"), "an assignment has no" },
	{ FILE_OF("{\"namespace\": \"default\", \"name\": \"s\"}"), "an assignment has no" },
	{ FILE_OF("{\"namespace\": \"\", \"name\": \"s\", \"addresses\": [\"198.18.0.7\"]}"),
	  "an assignment has no" },
	{ FILE_OF("{\"namespace\": \"default\", \"name\": \"s\", \"addresses\": []}"),
	  "an assignment has no" },
	{ FILE_OF("{\"namespace\": \"default\", \"name\": \"s\", \"addresses\": [7]}"),
	  "default/s has an invalid address" },
	{ FILE_OF("{\"namespace\": \"default\", \"name\": \"s\", \"addresses\": [\"198.18.0.777\"]}"),
	  "default/s has an invalid address" },
	{ FILE_OF("{\"namespace\": \"default\", \"name\": \"s\", \"addresses\": "
		  "[\"198.18.0.7\", \"198.18.0.7\"]}"),
	  "default/s has an address twice" },
	{ FILE_OF(ONE ", " ONE), "default/s appears twice" },
	{ FILE_OF(ONE) "x", "line 1" },
};

Test(directory_pools, a_wrong_file_is_said_and_nothing_given, .init = setup, .fini = teardown)
{
	for (size_t i = 0; i < sizeof(corrupt) / sizeof(corrupt[0]); i++) {
		struct host host;

		put(corrupt[i].text, strlen(corrupt[i].text));
		start(&host);
		for (int again = 0; again < 2; again++) {
			cr_expect_eq(update(&host,
					    A24 WITH("s", "type: LoadBalancer", "198.18.0.3")),
				     -EINVAL, "'%s'", corrupt[i].text);
			cr_expect(strstr(host.err.text, corrupt[i].said) &&
					  strstr(host.err.text, path),
				  "'%s': %s", corrupt[i].text, host.err.text);
			cr_expect_str_eq(addresses(&host, "s"), "", "'%s'", corrupt[i].text);
			cr_expect_str_eq(get(), corrupt[i].text);
			cr_expect_eq(host.told, 0);
		}
		put(FILE_OF(ONE), strlen(FILE_OF(ONE)));
		cr_expect_eq(update(&host, A24 LB("s", "")), 0);
		cr_expect_str_eq(addresses(&host, "s"), "198.18.0.7");
		stop(&host);
	}
}

/* Each prefix of a good file is a wrong one: nothing that is cut off is believed. */
Test(directory_pools, a_file_cut_off_is_wrong, .init = setup, .fini = teardown)
{
	const char *whole = FILE_OF(ONE);

	for (size_t size = 0; size < strlen(whole); size++) {
		struct assignments assignments = {};
		struct err err;

		put(whole, size);
		cr_expect_eq(assignments_read(path, &assignments, &err), -EINVAL, "%zu", size);
		cr_expect_null(assignments.tree);
	}
}

Test(directory_pools, what_cannot_be_written_is_not_given, .init = setup, .fini = teardown)
{
	struct host host;

	start(&host);
	cr_assert_eq(update(&host, A24 LB("s", "") LB("t", "")), 0);
	/* a directory in its place can't be replaced by a file */
	cr_assert_eq(mkdir(beside, 0700), 0);
	cr_expect_lt(update(&host,
			    A24 LB("s", "") LB("t", ", loadBalancerIP: 198.18.0.9") LB("u", "")),
		     0);
	cr_expect(strstr(host.err.text, beside), "%s", host.err.text);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.0", "as before");
	cr_expect_str_eq(addresses(&host, "t"), "", "taken back, nothing given");
	cr_expect_str_eq(addresses(&host, "u"), "");
	cr_expect_eq(host.told, 0);
	cr_assert_eq(rmdir(beside), 0);
	cr_expect_eq(update(&host,
			    A24 LB("s", "") LB("t", ", loadBalancerIP: 198.18.0.9") LB("u", "")),
		     0, "%s", host.err.text);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.0");
	cr_expect_str_eq(addresses(&host, "t"), "198.18.0.9");
	cr_expect_str_neq(addresses(&host, "u"), "");
	cr_expect_geq(host.told, 2);
	stop(&host);
}

Test(directory_pools, a_broken_manifest_moves_nobody, .init = setup, .fini = teardown)
{
	struct host host;

	start(&host);
	cr_assert_eq(update(&host, A24 LB("s", "") LB("t", "")), 0);
	stop(&host);
	/* a restart, and the file with the pool and s can't be read */
	start(&host);
	cr_assert_eq(update_two(&host, "", LB("t", "") LB("u", ""), true), 0);
	cr_expect_str_eq(addresses(&host, "t"), "198.18.0.1");
	cr_expect_str_eq(addresses(&host, "u"), "");
	cr_assert_eq(update_two(&host, A24 LB("s", ""), LB("t", "") LB("u", ""), false), 0);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.0");
	cr_expect_str_eq(addresses(&host, "t"), "198.18.0.1");
	cr_expect_str_eq(addresses(&host, "u"), "198.18.0.2");
	stop(&host);
}

static void has_what_it_had(struct host *host)
{
	cr_expect_str_eq(addresses(host, "s"), "198.18.0.7");
	cr_expect_str_eq(addresses(host, "t"), "");
}

Test(directory_pools, nothing_is_seen_before_all_is_decided, .init = setup, .fini = teardown)
{
	struct host host;

	start(&host);
	host.between = has_what_it_had;
	cr_assert_eq(update(&host, A24 WITH("s", "type: LoadBalancer, loadBalancerIP: 198.18.0.9",
					    "198.18.0.7") LB("t", "")),
		     0);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.9");
	cr_expect_str_eq(addresses(&host, "t"), "198.18.0.0");
	stop(&host);
}

Test(directory_pools, what_a_manifest_had_goes_to_who_waits, .init = setup, .fini = teardown)
{
	struct host host;

	start(&host);
	cr_assert_eq(update(&host, A24 WITH("s", "type: LoadBalancer, loadBalancerIP: 198.18.0.9",
					    "198.18.0.7") LB("t", ", loadBalancerIP: 198.18.0.7")),
		     0);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.9");
	cr_expect_str_eq(addresses(&host, "t"), "198.18.0.7");
	stop(&host);
}

/* Stop points: what writes the file makes these calls, and the last of so many doesn't return. */
static unsigned int calls_left; /* 0: all return */

static bool is_last_call(void)
{
	if (!calls_left)
		return false;
	calls_left--;
	return !calls_left;
}

ssize_t write(int fd, const void *data, size_t size)
{
	bool last = is_last_call();
	ssize_t r = syscall(SYS_write, fd, data, last ? size / 2 : size);

	if (last)
		raise(SIGKILL);
	return r;
}

int fsync(int fd)
{
	if (is_last_call())
		raise(SIGKILL);
	return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
	if (is_last_call())
		raise(SIGKILL);
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* What a decision that changes nothing takes with @count pools. */
static uint64_t decide_again(size_t count)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	struct host host;
	uint64_t took_ns;

	for (size_t i = 0; i < count; i++)
		fprintf(stream, POOL("p%zu", "{cidr: 198.18.1.0/24}"), i);
	/* the last of a name counts */
	fprintf(stream, POOL("p0", "{cidr: 198.18.0.0/24}") LB("s", ""));
	fclose(stream);
	start(&host);
	update(&host, text);
	cr_expect_str_eq(addresses(&host, "s"), "198.18.0.0");
	took_ns = clock_thread_cpu_ns();
	decide(&host, (struct manifest *[]){ &host.manifests[0] }, 1, false);
	took_ns = clock_thread_cpu_ns() - took_ns;
	stop(&host);
	free(text);
	return took_ns;
}

Test(directory_pools, as_many_as_there_may_be, .init = setup, .fini = teardown, .timeout = 280)
{
	cr_expect(is_linear(decide_again, SOURCE_ITEMS_MAX));
}

/* A child gives and takes back, and is killed at its call number @calls. Its status. */
static int killed_at(unsigned int calls)
{
	struct host host;
	pid_t child = fork();
	int status;

	cr_assert_geq(child, 0);
	if (!child) {
		start(&host);
		calls_left = calls;
		if (update(&host, A24 LB("keep", "") LB("s", "") LB("t", "")) ||
		    update(&host, A24 LB("keep", "")))
			_exit(1);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

Test(directory_pools, killed_while_writing, .init = setup, .fini = teardown, .timeout = 280)
{
	struct host host;
	unsigned int calls = 0;
	int status;

	start(&host);
	cr_assert_eq(update(&host, A24 LB("keep", ", loadBalancerIP: 198.18.0.77")), 0);
	stop(&host);
	do {
		struct assignments assignments = {};

		status = killed_at(++calls);
		cr_assert_eq(assignments_read(path, &assignments, &host.err), 0, "%s",
			     host.err.text);
		cr_assert(assignments_get(&assignments, "default", "keep"));
		assignments_free(&assignments);
		start(&host);
		cr_assert_eq(update(&host, A24 LB("keep", "")), 0);
		cr_expect_str_eq(addresses(&host, "keep"), "198.18.0.77");
		stop(&host);
	} while (WIFSIGNALED(status));
	cr_expect(WIFEXITED(status) && !WEXITSTATUS(status), "it failed by itself");
	/* two files: a part each at least, two syncs and a rename */
	cr_expect_geq(calls, 2 * 4);
}
