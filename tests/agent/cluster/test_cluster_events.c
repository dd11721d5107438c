// SPDX-License-Identifier: GPL-2.0-or-later
/* Events of many namespaces: one that has many doesn't keep another's from being written, nor from
 * the log. */
#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

#include "clock.h"
#include "cluster_events.h"
#include "played_api.h"

#define OTHERS	"/api/v1/namespaces/other/events/"
#define WAIT_NS (20 * UINT64_C(1000000000))

static struct cluster_events *events;
static struct kube *kube;
static sd_event *event;
static char logged[256], origin_of_it[64];

static void on_log(int priority, const char *origin, const char *text, void *userdata)
{
	snprintf(logged, sizeof(logged), "%s", text);
	snprintf(origin_of_it, sizeof(origin_of_it), "%s", origin ?: "");
}

/* About address number @number of a Service in @namespace. */
static void say(const char *namespace, uint32_t number)
{
	struct service service = { .namespace = (char *)namespace,
				   .name = (char *)"s",
				   .uid = (char *)namespace };
	struct address address = { .bytes = { 0x20, 1, 0xd, 0xb8 } };

	memcpy(&address.bytes[12], &number, sizeof(number));
	cluster_events_say(events, &(struct source_event){ .service = &service,
							   .address = &address,
							   .reason = "Announced",
							   .message = "announced" });
}

/* Is there an Event in the namespace `other`? */
static bool written(void)
{
	const char *path;
	json_t *object;

	json_object_foreach(server.objects, path, object)
	{
		if (!strncmp(path, OTHERS, strlen(OTHERS)))
			return true;
	}
	return false;
}

static void begin(void)
{
	const struct kube_config config = { .server = "http://played",
					    .timeout_ns = WAIT_NS,
					    .retry_max_ns = WAIT_NS };
	struct err err;

	server.objects = json_object();
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(kube_new(event, &config, &kube, &err), 0, "%s", err.text);
	cr_assert_eq(cluster_events_new(event, kube, "n1", on_log, NULL, &events, &err), 0);
}

static void end(void)
{
	cluster_events_free(events);
	kube_free(kube);
	sd_event_unref(event);
	json_decref(server.objects);
}

TestSuite(cluster_events, .init = begin, .fini = end);

Test(cluster_events, shares)
{
	uint64_t begun_ns = clock_boot_ns();

	for (uint32_t number = 0; number < 2000; number++)
		say("many", number);
	while (json_object_size(server.objects) < 10)
		sd_event_run(event, 100000);
	say("other", 1);
	while (!written() && clock_boot_ns() - begun_ns < WAIT_NS) {
		for (uint32_t number = 0; number < 2000; number++)
			say("many", number);
		sd_event_run(event, 100000);
	}
	cr_expect(written());
}

/* As those for a namespace that is being deleted. */
Test(cluster_events, refusals_are_of_their_namespace)
{
	uint64_t until_ns = clock_boot_ns() + WAIT_NS;

	server.denies = true;
	say("going", 1);
	while (!*logged && clock_boot_ns() < until_ns)
		sd_event_run(event, 100000);
	cr_expect_str_eq(
		logged,
		"can't write an Event for the Service going/s: HTTP status 403: no, for time 1");
	cr_expect_str_eq(origin_of_it, "going");
}
