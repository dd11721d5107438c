// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Services, policies, pools, nodes and EndpointSlices as an API server sends them that may answer
 * anything, and the Lease of whoever gives the pools' addresses. What an operator reads of it is a
 * sentence.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "fail.h"
#include "fake_server.h"

static struct source *source;

/* Each object is what it says it is. */
static void on_changed(void *userdata)
{
	const struct manifest *const *manifests;
	struct source_status status = {};
	size_t count;

	if (!source_known(source))
		fail("changed", "but not known");
	manifests = source_manifests(source, &count);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < manifests[i]->service_count; j++) {
			const struct service *service = manifests[i]->services[j];
			struct why why = {};

			if (!*service->namespace || !*service->name)
				fail("a Service", "without a name");
			source_why_no_more(source, service, &why);
		}
		for (size_t j = 0; j < manifests[i]->slice_count; j++)
			if (!manifests[i]->slices[j].name)
				fail("a slice", "without a name");
	}
	source_status(source, &status);
	if (!status.known)
		fail("changed", "but its status isn't known");
}

static void on_log(int priority, const char *origin, const char *text, void *userdata)
{
	if (!*text)
		fail("a line", "without a word");
}

static void on_stopped(void *userdata)
{
}

static const struct source_callbacks callbacks = {
	.changed = on_changed,
	.log = on_log,
	.stopped = on_stopped,
};

static void on_line(const uint8_t *line, size_t length)
{
	if (line[0] == 's')
		source_stop(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct source_options options = {
		.kubernetes = { .server = "http://127.0.0.1:1",
				.namespace = "xdp-l2resp",
				.timeout_ns = 10000000000,
				.retry_max_ns = 10000000000 },
		.node = "n1",
		.class = { "io.cilium/l2-announcer", false },
		.pools = true,
	};
	struct err err;

	if (cluster_new(server_event(), &options, &callbacks, NULL, &source, &err) < 0)
		fail("no source", err.text);
	server_run(data, size, on_line);
	source_free(source);
	return 0;
}
