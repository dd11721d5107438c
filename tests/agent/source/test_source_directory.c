// SPDX-License-Identifier: GPL-2.0-or-later
/* A directory of manifests that is read in turns of the event loop: what is seen in between. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "clock.h"
#include "source.h"

/* More than fits into a turn. */
#define MANY 4000

static char directory[] = "/tmp/l2resp-source-XXXXXX";
static char assignments[64];
static sd_event *event;
static struct source *source;
static int changes;
static char last_said[1024];

static void changed(void *userdata)
{
	changes++;
}

static void said(int priority, const char *origin, const char *text, void *userdata)
{
	snprintf(last_said, sizeof(last_said), "%s", text);
}

static void stopped(void *userdata)
{
}

static void path_of(const char *name, char ret_path[64])
{
	snprintf(ret_path, 64, "%s/%s", directory, name);
}

static void put_text(const char *name, const char *text)
{
	char path[64];
	FILE *file;

	path_of(name, path);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
}

/* @count Services called @prefix0 and so on. */
static void put(const char *name, const char *prefix, int count)
{
	char beside[64], path[64];
	FILE *file;

	path_of(".new", beside);
	path_of(name, path);
	file = fopen(beside, "w");
	for (int i = 0; i < count; i++)
		fprintf(file,
			"---\n{apiVersion: v1, kind: Service, metadata: {name: %s%d}, spec: {}}\n",
			prefix, i);
	fclose(file);
	cr_assert_eq(rename(beside, path), 0);
}

static void setup(void)
{
	cr_assert(mkdtemp(directory));
	snprintf(assignments, sizeof(assignments), "%s/assignments", directory);
	cr_assert_geq(sd_event_new(&event), 0);
}

static int remove_file(const char *path, const struct stat *stat, int type, struct FTW *position)
{
	return remove(path);
}

static void teardown(void)
{
	source_free(source);
	sd_event_unref(event);
	nftw(directory, remove_file, 4, FTW_DEPTH | FTW_PHYS);
}

static void start_in(const char *manifests)
{
	static const struct source_callbacks callbacks = { changed, said, stopped };
	const struct source_options options = {
		.directory = manifests,
		.assignments = assignments,
		.node = "node-1",
		.class = { "xdp-l2resp", false },
		.reserve = true,
	};
	struct source_status status;
	struct err err;

	*last_said = '\0';
	cr_assert_eq(source_directory_new(event, &options, &callbacks, NULL, &source, &err), 0,
		     "%s", err.text);
	for (source_status(source, &status); status.reachable && !status.known;
	     source_status(source, &status))
		cr_assert_geq(sd_event_run(event, 20000000), 1, "it isn't read");
	changes = 0;
}

static void start(void)
{
	start_in(directory);
}

static size_t count_services(const char *prefix)
{
	const struct manifest *const *manifests;
	size_t count, found = 0;

	manifests = source_manifests(source, &count);
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++)
			found += !strncmp(manifests[m]->services[i]->name, prefix, strlen(prefix));
	return found;
}

/* Runs the event loop until changed() is called, at least @turns times; @prefix's Services stay. */
static void run(int turns, const char *prefix, size_t count)
{
	int before = changes;

	for (int ran = 0; changes == before; ran++) {
		cr_expect_eq(count_services(prefix), count);
		cr_assert_geq(sd_event_run(event, 20000000), 1, "nothing has changed");
		turns--;
	}
	cr_expect_leq(turns, 0);
}

Test(source_directory, what_moves_to_another_file_is_never_missing, .init = setup, .fini = teardown)
{
	put("a.yaml", "other", 1);
	put("b.yaml", "moved", MANY);
	start();
	cr_assert_eq(count_services("moved"), MANY);
	put("a.yaml", "moved", MANY);
	put("b.yaml", "other", 1);
	/* the inotify event, its timer, and a turn for some hundred Services at most */
	run(2 + MANY / 500, "moved", MANY);
	cr_expect_eq(count_services("moved"), MANY);
	cr_expect_eq(count_services("other"), 1);
}

/* While the files are read, a Service moves from one that comes later, or earlier, to the other. */
static void move_amid_a_scan(const char *from, const char *to)
{
	put("a.yaml", "others", MANY);
	put(from, "moved", 1);
	put(to, "other", 1);
	start();
	source_rescan(source, true);
	cr_assert_eq(changes, 0, "one turn isn't enough");
	put(to, "moved", 1);
	put(from, "other", 1);
	run(1, "moved", 1);
	cr_expect_eq(count_services("moved"), 1);
	cr_expect_eq(count_services("other"), MANY + 1);
}

Test(source_directory, what_moves_up_amid_a_scan_is_never_missing, .init = setup, .fini = teardown)
{
	move_amid_a_scan("z.yaml", "0.yaml");
}

Test(source_directory, what_moves_down_amid_a_scan_is_never_missing, .init = setup,
     .fini = teardown)
{
	move_amid_a_scan("0.yaml", "z.yaml");
}

Test(source_directory, a_file_renamed_amid_a_scan_is_never_missing, .init = setup, .fini = teardown)
{
	char from[64], to[64];

	path_of("0.yaml", from);
	path_of("z.yaml", to);
	put("a.yaml", "others", MANY);
	put("0.yaml", "moved", 1);
	start();
	source_rescan(source, true);
	cr_assert_eq(changes, 0, "one turn isn't enough");
	cr_assert_eq(rename(from, to), 0);
	run(1, "moved", 1);
	cr_expect_eq(count_services("moved"), 1);
}

Test(source_directory, files_that_change_all_the_time_are_put_in_force, .init = setup,
     .fini = teardown)
{
	put("a.yaml", "others", MANY);
	start();
	source_rescan(source, true);
	for (int i = 0; !changes; i++) {
		put("b.yaml", "changing", 1 + i % 2);
		cr_assert_geq(sd_event_run(event, 20000000), 1, "nothing has changed");
	}
	cr_expect_geq(count_services("changing"), 1);
}

static size_t count_addresses(void)
{
	const struct manifest *const *manifests;
	size_t count, found = 0;

	manifests = source_manifests(source, &count);
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++)
			found += manifests[m]->services[i]->load_balancer.count;
	return found;
}

/* Of a directory, whatever is said of it. */
#define RESCAN_NS (10 * CLOCK_NS_PER_S)

/* A link that is made anew: the second scan finds no change. */
Test(source_directory, what_comes_back_as_it_was_holds_nothing_up, .init = setup, .fini = teardown)
{
	const struct address_list own = { .list = (struct address[]){ { { 1 } } }, .count = 1 };
	uint64_t begun_ns;
	char link[64];

	put_text("b.yaml",
		 "{apiVersion: cilium.io/v2, kind: CiliumLoadBalancerIPPool, metadata: {name: a}, "
		 "spec: {blocks: [{cidr: 198.18.0.0/24}]}}\n---\n{apiVersion: v1, kind: Service, "
		 "metadata: {name: s}, spec: {type: LoadBalancer}}\n");
	path_of("z.yaml", link);
	cr_assert_eq(symlink("b.yaml", link), 0);
	start();
	cr_assert_eq(unlink(link), 0);
	source_rescan(source, false);
	cr_assert_eq(symlink("b.yaml", link), 0);
	/* inotify, and twice the timer */
	for (int i = 0; i < 4; i++)
		sd_event_run(event, 50000);
	cr_assert_eq(changes, 0);
	cr_assert_eq(count_addresses(), 0, "the nodes' addresses aren't known");
	source_reserve(source, &own);
	begun_ns = clock_boot_ns();
	while (!count_addresses() && clock_boot_ns() - begun_ns < RESCAN_NS / 2)
		sd_event_run(event, 50000);
	cr_expect_eq(count_addresses(), 1);
}

#define LISTED(name) "{apiVersion: v1, kind: Service, metadata: {name: " name "}, spec: {}}"

Test(source_directory, all_of_a_list_is_read, .init = setup, .fini = teardown)
{
	put_text("a.yaml",
		 "apiVersion: v1\nitems:\n- &a " LISTED(
			 "one") "\n- *a\n- {apiVersion: v1, "
				"kind: List, items: [" LISTED(
					"two") "]}\nkind: List\n---\n"
					       "{apiVersion: v1, kind: List, items: [" LISTED(
						       "three") "]}\n---\n" LISTED("four") "\n");
	start();
	cr_expect_eq(count_services("one"), 2, "%s", last_said);
	cr_expect_eq(count_services("two"), 1);
	cr_expect_eq(count_services("three"), 1);
	cr_expect_eq(count_services("four"), 1);
}

Test(source_directory, what_is_wrong_in_a_list_is_named_by_its_line, .init = setup,
     .fini = teardown)
{
	put_text("a.yaml",
		 "apiVersion: v1\nkind: List\nitems:\n- " LISTED("one") "\n- apiVersion: v1\n"
									"  kind: Servise\n");
	start();
	cr_expect_eq(count_services(""), 0);
	cr_expect(strstr(last_said, "a.yaml:6: no kind v1 Servise"), "%s", last_said);
}

/* Objects may be missing, so that nobody's address is free. */
Test(source_directory, a_directory_that_cannot_be_read_leaves_the_assignments, .init = setup,
     .fini = teardown)
{
	static const char before[] =
		"{\"version\": 1, \"assignments\": [{\"namespace\": \"default\", "
		"\"name\": \"s\", \"addresses\": [\"198.18.0.5\"]}]}\n";
	char path[64], after[sizeof(before)] = "";
	FILE *file;

	file = fopen(assignments, "w");
	fputs(before, file);
	fclose(file);
	put("a.yaml", "s", 1);
	path_of("a.yaml", path);
	start_in(path);
	file = fopen(assignments, "r");
	cr_expect_eq(fread(after, 1, sizeof(after), file), sizeof(before) - 1);
	fclose(file);
	cr_expect_eq(memcmp(before, after, sizeof(before)), 0);
}

Test(source_directory, what_comes_while_it_is_read_is_read_too, .init = setup, .fini = teardown)
{
	put("a.yaml", "first", MANY);
	start();
	source_rescan(source, true);
	cr_assert_eq(changes, 0, "one turn isn't enough");
	put("b.yaml", "second", 1);
	source_rescan(source, false);
	cr_expect_eq(changes, 0);
	run(1, "first", MANY);
	cr_expect_eq(count_services("second"), 1);
}
