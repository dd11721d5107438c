// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>

#include "cleanup.h"
#include "clock.h"
#include "config.h"
#include "entry.h"
#include "kernel_view.h"
#include "links.h"
#include "log.h"
#include "pins.h"
#include "policy.h"
#include "rehearse.h"
#include "source.h"
#include "text.h"
#include "vlan.h"

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
	struct pins pins;
	struct entry_table there; /* sorted */
	bool compared;		  /* there could be read */
	json_t *rows;
};

static void rehearsal_free(struct rehearsal *rehearsal)
{
	json_decref(rehearsal->rows);
	entry_table_free(&rehearsal->there);
	pins_close(&rehearsal->pins);
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

/* Files that the configuration names, and only the lease engine would read. */
static int check_files(const char *path, const struct config *config, struct err *err)
{
	const struct {
		const char *key, *file;
	} files[] = { { "ca", config->ca },
		      { "cert", config->cert },
		      { "key", config->key },
		      { "token", config->token } };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i].file && access(files[i].file, R_OK) < 0)
			return err_set(err, negative_errno(), "%s: lease.%s: %s: %s", path,
				       files[i].key, files[i].file, strerror(errno));
	return 0;
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
	struct policy_node node;
	size_t count;
	int r = config_read(path, &rehearsal->config, err);

	if (!r)
		r = check_files(path, &rehearsal->config, err);
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
	config_policy_node(&rehearsal->config, &node);
	return policy_select(manifests, count, &node, links_table(rehearsal->links),
			     &rehearsal->selection, err);
}

/* What is there already. Nothing pinned is nothing there; what can't be read is said. */
static void compare(struct rehearsal *rehearsal)
{
	struct err err;
	int r = pins_open(rehearsal->config.bpffs, &rehearsal->pins, &err);

	if (!r)
		r = entry_read_all(&rehearsal->pins, 0, &rehearsal->there, &err);
	rehearsal->compared = !r || r == -ENOENT;
	if (!rehearsal->compared)
		log_say(LOG_WARNING, "%s; not compared with what is there", err.text);
}

static int compare_rows(const void *a, const void *b)
{
	return entry_key_compare(&((const struct entry_row *)a)->key,
				 &((const struct entry_row *)b)->key);
}

static const struct entry_row *find_there(const struct rehearsal *rehearsal,
					  const struct selected *selected)
{
	const struct entry_row wanted = { .key = { selected->address, selected->ifindex } };

	if (!rehearsal->there.count)
		return NULL;
	return bsearch(&wanted, rehearsal->there.rows, rehearsal->there.count, sizeof(wanted),
		       compare_rows);
}

static bool is_selected(const struct rehearsal *rehearsal, const struct entry_row *row)
{
	const struct selected wanted = { .address = row->key.address, .ifindex = row->key.ifindex };

	return rehearsal->selection.count &&
	       bsearch(&wanted, rehearsal->selection.list, rehearsal->selection.count,
		       sizeof(wanted), selected_compare);
}

/* What an entry's way of changing is called. */
static const char *action_of(const struct rehearsal *rehearsal, const struct selected *selected,
			     const struct link_row *row, bool blocked)
{
	const struct entry_row *there = find_there(rehearsal, selected);
	bool ours = there && there->head.lease != L2RESP_LEASE_FOREVER;

	if (there && !ours)
		return "leave";
	if (blocked || !row->carrier)
		return ours ? "delete" : "none";
	return ours ? "keep" : "add";
}

/* On what comes first, of a claim that has to be got. */
static const char *condition(const struct config *config)
{
	bool store = config->engine != LEASE_ENGINE_NONE;

	if (config->probe)
		return store ? ", once nobody answers for it and its lease is held"
			     : ", once nobody answers for it";
	return store ? ", once its lease is held" : "";
}

/* Why this node would leave it alone; false: it would answer, if nobody else did. */
static bool why_not(struct rehearsal *rehearsal, const struct selected *selected,
		    const struct link_row *row, struct err *ret_why)
{
	const char *forbids = policy_forbids(&rehearsal->selection, selected->locality);

	if (!forbids)
		return kernel_answers(&rehearsal->view, &selected->address, &row->link, ret_why);
	err_write(ret_why, "%s %s", rehearsal->config.node, forbids);
	return true;
}

static void print_selected(struct rehearsal *rehearsal, const struct selected *selected)
{
	const struct link_row *row =
		link_table_find(links_table(rehearsal->links), selected->ifindex);
	char ip[INET6_ADDRSTRLEN];
	struct err why = {};
	bool blocked = why_not(rehearsal, selected, row, &why);
	const char *action = action_of(rehearsal, selected, row, blocked);

	address_format(&selected->address, ip);
	if (!rehearsal->rows) {
		printf("%s %s dev %s, for %s/%s%s%s%s%s\n", action, ip, row->link.name,
		       selected->service->namespace, selected->service->name,
		       strcmp(action, "add") ? "" : condition(&rehearsal->config),
		       row->carrier ? "" : "; not while it has no carrier",
		       blocked ? "; not: " : "", why.text);
		return;
	}
	json_array_append_new(rehearsal->rows,
			      json_pack("{s:s, s:s, s:o, s:i, s:s, s:s, s:b, s:o}", "action",
					action, "ip", ip, "dev", text_json(row->link.name),
					"ifindex", (int)selected->ifindex, "namespace",
					selected->service->namespace, "service",
					selected->service->name, "carrier", row->carrier, "blocked",
					blocked ? text_json(why.text) : json_null()));
}

/* An entry of the agent's that no policy selects any more. */
static void print_left_over(struct rehearsal *rehearsal, const struct entry_row *there)
{
	const struct link_row *row =
		link_table_find(links_table(rehearsal->links), there->key.ifindex);
	const char *dev = row ? row->link.name : "(gone)";
	char ip[INET6_ADDRSTRLEN];

	address_format(&there->key.address, ip);
	if (!rehearsal->rows)
		printf("delete %s dev %s, which no policy selects\n", ip, dev);
	else
		json_array_append_new(rehearsal->rows,
				      json_pack("{s:s, s:s, s:o, s:i}", "action", "delete", "ip",
						ip, "dev", text_json(dev), "ifindex",
						(int)there->key.ifindex));
}

/* Interfaces that the program would be put on. */
static void print_attach(struct rehearsal *rehearsal)
{
	const struct link_table *links = links_table(rehearsal->links);
	const struct selection *selection = &rehearsal->selection;
	const struct pins *pins = rehearsal->pins.maps.fd[0] >= 0 ? &rehearsal->pins : NULL;

	for (size_t l = 0; l < links->count && !selection->exclusion; l++) {
		struct vlan_hook hook;
		struct err err;
		size_t i = 0;

		while (i < selection->count &&
		       selection->list[i].ifindex != links->rows[l].link.ifindex)
			i++;
		if (i == selection->count)
			continue;
		if (vlan_find_hook(pins, links->rows[l].link.ifindex, &hook, &err) < 0)
			log_say(LOG_WARNING, "%s", err.text);
		else if (hook.ours < 0)
			printf("attach %s\n", hook.link.name);
	}
}

static void print_plan(struct rehearsal *rehearsal)
{
	compare(rehearsal);
	if (!rehearsal->rows && rehearsal->compared)
		print_attach(rehearsal);
	for (size_t i = 0; i < rehearsal->selection.count; i++)
		print_selected(rehearsal, &rehearsal->selection.list[i]);
	for (size_t i = 0; i < rehearsal->there.count; i++) {
		const struct entry_row *row = &rehearsal->there.rows[i];

		if (row->head.lease != L2RESP_LEASE_FOREVER && !is_selected(rehearsal, row))
			print_left_over(rehearsal, row);
	}
	if (rehearsal->rows) {
		json_dumpf(rehearsal->rows, stdout, JSON_INDENT(1));
		putchar('\n');
	}
}

static void print_summary(const struct rehearsal *rehearsal, bool json)
{
	const struct manifest *const *manifests;
	size_t files, services = 0, policies = 0, nodes = 0, pools = 0;

	/* --check touches nothing, no server either */
	if (!rehearsal->source) {
		puts(json ? "{}" : "the configuration is in order; the API server wasn't asked");
		return;
	}
	manifests = source_manifests(rehearsal->source, &files);
	for (size_t i = 0; i < files; i++) {
		services += manifests[i]->service_count;
		policies += manifests[i]->policy_count;
		nodes += manifests[i]->node_count;
		pools += manifests[i]->pool_count;
	}
	if (json)
		printf("{\"files\": %zu, \"services\": %zu, \"policies\": %zu, \"nodes\": %zu, "
		       "\"pools\": %zu, \"broken\": %zu}\n",
		       files, services, policies, nodes, pools, rehearsal->status.broken);
	else
		printf("%s: files: %zu, services: %zu, policies: %zu, nodes: %zu, pools: %zu\n",
		       rehearsal->config.directory, files, services, policies, nodes, pools);
}

int rehearse(const char *config, bool print, bool json)
{
	_cleanup_(rehearsal_free) struct rehearsal rehearsal = { .pins = PINS_NONE };
	struct err err;

	if (prepare(config, print, &rehearsal, &err) < 0) {
		log_say(LOG_ERR, "%s", err.text);
		return 1;
	}
	if (json)
		rehearsal.rows = json_array();
	if (print)
		print_plan(&rehearsal);
	else
		print_summary(&rehearsal, json);
	/* of what is broken it was said already, where */
	if (*rehearsal.status.trouble.text && !rehearsal.status.broken)
		log_say(LOG_ERR, "%s", rehearsal.status.trouble.text);
	return *rehearsal.status.trouble.text ? 1 : 0;
}
