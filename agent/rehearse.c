// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <jansson.h>

#include "cleanup.h"
#include "config.h"
#include "kernel_view.h"
#include "links.h"
#include "log.h"
#include "policy.h"
#include "rehearse.h"
#include "source.h"

struct rehearsal {
	struct config config;
	struct source *source;
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

static int prepare(const char *path, bool select, struct rehearsal *rehearsal, struct err *err)
{
	const struct source_callbacks callbacks = { nothing, said };
	const struct manifest *const *manifests;
	size_t count;
	int r = config_read(path, &rehearsal->config, err);

	if (!r)
		r = source_new(NULL, rehearsal->config.directory, &callbacks, NULL,
			       &rehearsal->source, err);
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
	size_t files, services = 0, policies = 0, nodes = 0;

	manifests = source_manifests(rehearsal->source, &files);
	for (size_t i = 0; i < files; i++) {
		services += manifests[i]->service_count;
		policies += manifests[i]->policy_count;
		nodes += manifests[i]->node_count;
	}
	printf("%s: %zu files, %zu services, %zu policies, %zu nodes\n",
	       rehearsal->config.directory, files, services, policies, nodes);
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
	return fflush(stdout) || source_broken(rehearsal.source) ? 1 : 0;
}
