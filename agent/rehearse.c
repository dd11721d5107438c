// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>
#include <jansson.h>

#include "cleanup.h"
#include "clock.h"
#include "config.h"
#include "kernel_view.h"
#include "links.h"
#include "log.h"
#include "policy.h"
#include "rehearse.h"
#include "source.h"

/* An API server that is there lists within that. */
#define READ_NS (60 * UINT64_C(1000000000))

struct rehearsal {
	struct config config;
	sd_event *event;
	struct source *source;
	struct source_status status;
	struct links *links;
	struct kernel_view view;
	struct selection selection;
};

static void rehearsal_free(struct rehearsal *rehearsal)
{
	selection_free(&rehearsal->selection);
	kernel_view_free(&rehearsal->view);
	links_free(rehearsal->links);
	source_free(rehearsal->source);
	sd_event_unref(rehearsal->event);
	config_free(&rehearsal->config);
}

static void said(int priority, const char *text, void *userdata)
{
	(void)userdata;
	log_say(priority, "%s", text);
}

static void nothing(void *userdata)
{
	(void)userdata;
}

/* Reads the source once. An API server may take as long as it does for one answer. */
static int read_source(struct rehearsal *rehearsal, struct err *err)
{
	const struct source_callbacks callbacks = { nothing, said };
	struct source_options options;
	uint64_t end_ns = clock_boot_ns() + READ_NS;
	int r = sd_event_new(&rehearsal->event);

	if (r < 0)
		return err_set(err, r, "the event loop: %s", strerror(-r));
	config_source(&rehearsal->config, &options);
	options.read_only = true;
	r = source_new(options.directory ? NULL : rehearsal->event, &options, &callbacks, NULL,
		       &rehearsal->source, err);
	if (r < 0)
		return r;
	source_status(rehearsal->source, &rehearsal->status);
	while (!rehearsal->status.known && clock_boot_ns() < end_ns) {
		sd_event_run(rehearsal->event, 100000);
		source_status(rehearsal->source, &rehearsal->status);
	}
	return rehearsal->status.known
		       ? 0
		       : err_set(err, -ETIMEDOUT, "%s", rehearsal->status.trouble.text);
}

static int prepare(const char *path, bool select, struct rehearsal *rehearsal, struct err *err)
{
	const struct manifest *const *manifests;
	size_t count;
	int r = config_read(path, &rehearsal->config, err);

	if (!r && (select || rehearsal->config.directory))
		r = read_source(rehearsal, err);
	if (r < 0 || !select)
		return r;
	r = links_new(NULL, nothing, NULL, &rehearsal->links, err);
	if (!r)
		r = kernel_view_read(&rehearsal->view, err);
	if (r < 0)
		return r;
	manifests = source_manifests(rehearsal->source, &count);
	return policy_select(manifests, count, rehearsal->config.node,
			     rehearsal->config.load_balancer_class, links_table(rehearsal->links),
			     &rehearsal->selection, err);
}

static void print_selected(struct rehearsal *rehearsal, const struct selected *selected, bool json,
			   bool first)
{
	const struct link_row *row =
		link_table_find(links_table(rehearsal->links), selected->ifindex);
	char ip[INET6_ADDRSTRLEN];
	struct err why = {};
	bool blocked = kernel_answers(&rehearsal->view, &selected->address, &row->link, &why);
	json_t *object;

	address_format(&selected->address, ip);
	if (!json) {
		printf("%s dev %s, for %s/%s%s%s%s\n", ip, row->link.name,
		       selected->service->namespace, selected->service->name,
		       row->carrier ? "" : "; not while it has no carrier",
		       blocked ? "; not: " : "", why.text);
		return;
	}
	object = json_pack("{s:s, s:s, s:i, s:s, s:s, s:b, s:o}", "ip", ip, "dev", row->link.name,
			   "ifindex", (int)selected->ifindex, "namespace",
			   selected->service->namespace, "service", selected->service->name,
			   "carrier", row->carrier, "blocked",
			   blocked ? json_string(why.text) : json_null());
	fputs(first ? "" : ",\n ", stdout);
	json_dumpf(object, stdout, 0);
	json_decref(object);
}

static void print_summary(const struct rehearsal *rehearsal)
{
	const struct manifest *const *manifests;
	size_t files, services = 0, policies = 0, nodes = 0, pools = 0;

	/* --check touches nothing, no server either */
	if (!rehearsal->source) {
		puts("the configuration is in order; the API server wasn't asked");
		return;
	}
	manifests = source_manifests(rehearsal->source, &files);
	for (size_t i = 0; i < files; i++) {
		services += manifests[i]->service_count;
		policies += manifests[i]->policy_count;
		nodes += manifests[i]->node_count;
		pools += manifests[i]->pool_count;
	}
	printf("%s: %zu files, %zu services, %zu policies, %zu nodes, %zu pools\n",
	       rehearsal->config.directory, files, services, policies, nodes, pools);
}

int rehearse(const char *config, bool print, bool json)
{
	_cleanup_(rehearsal_free) struct rehearsal rehearsal = {};
	const struct selection *selection = &rehearsal.selection;
	struct err err;

	if (prepare(config, print, &rehearsal, &err) < 0) {
		log_say(LOG_ERR, "%s", err.text);
		return 1;
	}
	if (print && json)
		putchar('[');
	for (size_t i = 0; i < selection->count; i++)
		print_selected(&rehearsal, &selection->list[i], json, i == 0);
	if (print && json)
		puts("]");
	if (!print && !json)
		print_summary(&rehearsal);
	if (*rehearsal.status.trouble.text)
		log_say(LOG_ERR, "%s", rehearsal.status.trouble.text);
	return fflush(stdout) || *rehearsal.status.trouble.text ? 1 : 0;
}
