// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <jansson.h>
#include <linux/capability.h>

#include "cleanup.h"
#include "clock.h"
#include "cluster.h"
#include "config.h"
#include "entry.h"
#include "kernel_view.h"
#include "links.h"
#include "log.h"
#include "own_address.h"
#include "pins.h"
#include "policy.h"
#include "policy_force.h"
#include "privilege.h"
#include "rehearse.h"
#include "start_check.h"
#include "text.h"
#include "vlan.h"

/* Time limit for an API server to list all. */
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
	bool compared;		  /* @there could be read */
	bool refused;		  /* a start would fail */
	size_t warnings;
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

static void said(int priority, const char *origin, const char *text, void *userdata)
{
	struct rehearsal *rehearsal = userdata;

	rehearsal->warnings += priority == LOG_WARNING || priority == LOG_NOTICE;
	log_say(priority, "%s", text);
}

static void nothing(void *userdata)
{
}

/* Reads the source once. Waits up to READ_NS for an API server. */
static int read_source(struct rehearsal *rehearsal, struct err *err)
{
	const struct source_callbacks callbacks = { nothing, said, nothing };
	struct source_options options;
	uint64_t end_ns = clock_boot_ns() + READ_NS;
	int r = sd_event_new(&rehearsal->event);

	if (r < 0)
		return err_set(err, r, "the event loop: %s", strerror(-r));
	config_source(&rehearsal->config, &options);
	options.read_only = true;
	r = options.directory ? source_directory_new(NULL, &options, &callbacks, rehearsal,
						     &rehearsal->source, err)
			      : cluster_new(rehearsal->event, &options, &callbacks, rehearsal,
					    &rehearsal->source, err);
	if (r < 0)
		return r;
	source_status(rehearsal->source, &rehearsal->status);
	/* a directory has been read by now, or can't be read */
	while (!(rehearsal->status.known && source_nodes(rehearsal->source, true)) &&
	       !options.directory && clock_boot_ns() < end_ns) {
		sd_event_run(rehearsal->event, 100000);
		source_status(rehearsal->source, &rehearsal->status);
	}
	return rehearsal->status.known
		       ? 0
		       : err_set(err, -ETIMEDOUT, "%s", rehearsal->status.trouble.text);
}

static struct policy_input input_of(const struct rehearsal *rehearsal)
{
	struct policy_input input = {
		.node = rehearsal->config.node,
		.class = { rehearsal->config.load_balancer_class,
			   rehearsal->config.class_required },
		.links = links_table(rehearsal->links),
		.ignore_exclusion = rehearsal->config.ignore_exclusion,
	};

	input.manifests = source_manifests(rehearsal->source, &input.count);
	return input;
}

/* Prints what pools would assign if this node were alone. */
static int reserve(struct rehearsal *rehearsal, struct err *err)
{
	const struct policy_input input = input_of(rehearsal);
	struct address_list own, others;
	size_t left_out;
	int r = kernel_view_read(&rehearsal->view, err);

	if (r < 0)
		return r;
	others = own_address_others(&input);
	own = own_address_find(&input, &rehearsal->view.local, &left_out);
	address_list_add_all(&own, &others);
	address_list_sort_once(&own);
	source_reserve(rehearsal->source, &own);
	address_list_free(&others);
	source_status(rehearsal->source, &rehearsal->status);
	address_list_free(&own);
	return 0;
}

static int prepare(const char *path, bool select, struct rehearsal *rehearsal, struct err *err)
{
	struct policy_input input;
	/* a running agent no longer has them, which a reload would show */
	const uint64_t gone = PRIVILEGE(CAP_DAC_OVERRIDE) | PRIVILEGE(CAP_DAC_READ_SEARCH);
	int r = privilege_limit(~gone, err);

	r = r ?: config_read(path, &rehearsal->config, err);
	r = r ?: start_check(path, &rehearsal->config, err);
	rehearsal->refused = r < 0;
	if (!r && (select || rehearsal->config.directory))
		r = read_source(rehearsal, err);
	if (!r && rehearsal->source)
		r = links_new(NULL, NULL, NULL, NULL, &rehearsal->links, err);
	if (!r && rehearsal->source)
		r = reserve(rehearsal, err);
	if (r < 0 || !select)
		return r;
	input = input_of(rehearsal);
	rehearsal->selection = policy_select(&input);
	return 0;
}

/* Reads the current entries. Without pins there are none; a read error is logged. */
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

/* The verb for a change of an entry. */
static const char *action_of(const struct rehearsal *rehearsal, const struct selected *selected,
			     const struct links_row *row, bool blocked)
{
	const struct entry_row *there = find_there(rehearsal, selected);
	bool ours = there && there->head.lease != L2RESP_LEASE_FOREVER;

	if (there && !ours)
		return "leave";
	if (blocked || !row->carrier)
		return ours ? "delete" : "none";
	return ours ? "keep" : "add";
}

/* What must happen before an address that isn't held is claimed. */
static const char *condition(const struct config *config)
{
	bool store = config->engine != STORE_ENGINE_NONE;

	if (config->probe)
		return store ? ", once nobody answers for it and its lease is held"
			     : ", once nobody answers for it";
	return store ? ", once its lease is held" : "";
}

/* Why this node would not answer for the address. False: it would, unless another node holds it. */
static bool why_not(struct rehearsal *rehearsal, const struct selected *selected,
		    const struct links_row *row, struct why *ret_why)
{
	struct err kernel;

	why_set(ret_why, policy_forbids(&rehearsal->selection, selected->locality));
	policy_forbids_add(ret_why, selected->locality, rehearsal->config.node);
	if (ret_why->reason ||
	    !kernel_answers(&rehearsal->view, &selected->address, &row->link, &kernel))
		return ret_why->reason;
	why_set(ret_why, REASON_KERNEL_ANSWERS);
	why_add(ret_why, ": %s", kernel.text);
	return true;
}

static void print_selected(struct rehearsal *rehearsal, const struct selected *selected)
{
	const struct links_row *row = links_find(links_table(rehearsal->links), selected->ifindex);
	char ip[INET6_ADDRSTRLEN];
	struct why text;
	bool blocked = why_not(rehearsal, selected, row, &text);
	const char *action = action_of(rehearsal, selected, row, blocked);

	address_format(&selected->address, ip);
	if (!rehearsal->rows) {
		text_print(stdout, "%s %s dev %s, for %s/%s%s%s%s%s\n", action, ip, row->link.name,
			   selected->service->namespace, selected->service->name,
			   strcmp(action, "add") ? "" : condition(&rehearsal->config),
			   row->carrier ? "" : "; not while it has no carrier",
			   blocked ? "; not: " : "", text.text.text);
		return;
	}
	json_array_append_new(rehearsal->rows,
			      json_pack("{s:s, s:s, s:o, s:i, s:s, s:s, s:b, s:o}", "action",
					action, "ip", ip, "dev", text_json(row->link.name),
					"ifindex", (int)selected->ifindex, "namespace",
					selected->service->namespace, "service",
					selected->service->name, "carrier", row->carrier, "blocked",
					blocked ? text_json(text.text.text) : json_null()));
}

/* An entry of the agent's that no policy selects any more. */
static void print_left_over(struct rehearsal *rehearsal, const struct entry_row *there)
{
	const struct links_row *row = links_find(links_table(rehearsal->links), there->key.ifindex);
	const char *dev = row ? row->link.name : "(gone)";
	char ip[INET6_ADDRSTRLEN];

	address_format(&there->key.address, ip);
	if (!rehearsal->rows)
		text_print(stdout, "delete %s dev %s, which no policy selects\n", ip, dev);
	else
		json_array_append_new(rehearsal->rows,
				      json_pack("{s:s, s:s, s:o, s:i}", "action", "delete", "ip",
						ip, "dev", text_json(dev), "ifindex",
						(int)there->key.ifindex));
}

/* Interfaces to which the program would be attached. */
static void print_attach(struct rehearsal *rehearsal)
{
	const struct links_table *links = links_table(rehearsal->links);
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
			text_print(stdout, "attach %s\n", hook.link.name);
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

struct warning {
	struct rehearsal *rehearsal;
	struct policy_input input;
};

/* Services' addresses that no node would announce, and Services that get none. */
static void warn_of_services(struct warning *warning)
{
	struct policy_input anywhere = warning->input;
	struct policy_index *index;
	size_t count;
	_cleanup_free_ const struct service **services =
		services_in_force(anywhere.manifests, anywhere.count, &count);

	anywhere.node = NULL;
	index = policy_index_new(&anywhere);
	for (size_t i = 0; i < count; i++)
		for (int load_balancer = 0; load_balancer <= 1; load_balancer++) {
			const struct address_list *addresses = load_balancer
								       ? &services[i]->load_balancer
								       : &services[i]->external;
			char ip[INET6_ADDRSTRLEN];
			struct err text;
			struct why why;

			if (!addresses->count)
				continue;
			policy_index_why(index, &addresses->list[0], services[i], &why);
			if (!why.reason)
				continue;
			err_write(&text, "%s/%s: %s: no node announces it: %s",
				  services[i]->namespace, services[i]->name,
				  address_format(&addresses->list[0], ip), why.text.text);
			said(LOG_WARNING, NULL, text.text, warning->rehearsal);
		}
	policy_index_free(index);
}

static void warn_of_policy(const struct policy *policy, const struct why *why, void *userdata)
{
	struct warning *warning = userdata;
	struct err text;

	err_write(&text, "policy %s selects nothing on %s: %s", policy->name, warning->input.node,
		  why->text.text);
	said(LOG_WARNING, NULL, text.text, warning->rehearsal);
}

static void warn(struct rehearsal *rehearsal)
{
	struct warning warning = { rehearsal, input_of(rehearsal) };

	warn_of_services(&warning);
	policy_survey(&warning.input, warn_of_policy, &warning);
}

static void print_summary(struct rehearsal *rehearsal, bool json)
{
	const struct manifest *const *manifests;
	size_t files, services = 0, policies = 0, nodes = 0, pools = 0;

	/* --check doesn't even connect to a server */
	if (!rehearsal->source) {
		puts(json ? "{}" : "the configuration is in order; the API server wasn't asked");
		return;
	}
	warn(rehearsal);
	manifests = source_manifests(rehearsal->source, &files);
	for (size_t i = 0; i < files; i++) {
		services += manifests[i]->service_count;
		policies += manifests[i]->policy_count;
		nodes += manifests[i]->node_count;
		pools += manifests[i]->pool_count;
	}
	if (json)
		printf("{\"files\": %zu, \"services\": %zu, \"policies\": %zu, \"nodes\": %zu, "
		       "\"pools\": %zu, \"broken\": %zu, \"warnings\": %zu}\n",
		       files, services, policies, nodes, pools, rehearsal->status.broken,
		       rehearsal->warnings);
	else
		text_print(stdout,
			   "%s: files: %zu, services: %zu, policies: %zu, nodes: %zu, pools: %zu, "
			   "warnings: %zu\n",
			   rehearsal->config.directory, files, services, policies, nodes, pools,
			   rehearsal->warnings);
}

static void say_error(const struct err *err, bool json)
{
	if (json)
		text_print_error("xdp-l2respd", err->text, json, NULL);
	else
		log_say(LOG_ERR, "%s", err->text);
}

int rehearse(const char *config, bool print, bool json)
{
	_cleanup_(rehearsal_free) struct rehearsal rehearsal = { .pins = PINS_NONE };
	struct err err;

	log_wait_for_reader();
	if (prepare(config, print, &rehearsal, &err) < 0) {
		say_error(&err, json);
		return rehearsal.refused ? EX_CONFIG : 1;
	}
	if (json)
		rehearsal.rows = json_array();
	if (print)
		print_plan(&rehearsal);
	else
		print_summary(&rehearsal, json);
	/* errors have been logged with their file and line */
	if (*rehearsal.status.trouble.text && (json || !rehearsal.status.broken))
		say_error(&rehearsal.status.trouble, json);
	return *rehearsal.status.trouble.text ? 1 : 0;
}
