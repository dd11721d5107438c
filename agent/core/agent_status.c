// SPDX-License-Identifier: GPL-2.0-or-later
/* This node's state and all Services, as JSON that is written in parts. */
#include <stdlib.h>

#include "agent_state.h"
#include "alloc.h"
#include "cleanup.h"
#include "json.h"
#include "policy_force.h"
#include "text.h"

/* Most Services, and most addresses, of a part. */
#define PART 64

struct agent_status {
	struct agent *agent;
	enum {
		STEP_SERVICES,
		STEP_REASONS,
		STEP_EXAMPLES,
		STEP_NODE,
		STEP_ROWS,
	} step;
	/* referenced, from @next on: the manifests may change between two parts */
	struct service **services;
	size_t count;
	size_t next, at; /* the next Service, and the next of its addresses */
	bool any;	 /* a row was written */
	struct reason_survey survey;
	enum reason example; /* the next that gets its text */
};

/* ---- steps ---- */

static void snapshot_services(struct agent_status *status)
{
	const struct policy_input input = agent_policy_input(status->agent);

	status->services =
		(struct service **)services_in_force(input.manifests, input.count, &status->count);
	for (size_t i = 0; i < status->count; i++)
		service_ref(status->services[i]);
}

static void note_info(size_t at, const struct lease_info *info, void *data)
{
	((struct lease_info *)data)[at] = *info;
}

/* Writes the text of the next example; it takes long if no policy selects the address. */
static void describe_example(struct agent_status *status)
{
	const enum reason reason = status->example++;
	const struct address *address = &status->survey.examples[reason].address;
	struct err *text = &status->survey.examples[reason].text;
	struct lease_info info;
	char ip[INET6_ADDRSTRLEN];
	struct why why;

	if (!status->survey.counts[reason] || *text->text)
		return;
	lease_thread_info(status->agent->thread, address, &info);
	agent_why(status->agent, NULL, address, &info, &why);
	if (why.reason == reason)
		err_write(text, "%s: %s", address_format(address, ip), why.text.text);
	else /* it was until now */
		err_write(text, "%s", reason_sentence(reason));
}

static json_t *list_reasons(const struct reason_survey *survey)
{
	json_t *rows = json_array();

	for (enum reason reason = 1; reason < REASON_COUNT; reason++)
		if (survey->counts[reason])
			json_array_append_new(
				rows, json_pack("{s:s, s:I, s:o}", "reason", reason_name(reason),
						"count", (json_int_t)survey->counts[reason], "why",
						text_json(survey->examples[reason].text.text)));
	return rows;
}

static void write_node(struct agent_status *status, FILE *out)
{
	struct agent *agent = status->agent;
	_cleanup_json_ json_t *node = NULL;
	struct lease_entries entries;
	struct lease_status lease;
	struct err why;
	bool ready = agent_ready(agent, &why);

	lease_thread_status(agent->thread, &lease, &entries);
	node = json_pack("{s:s, s:b, s:b, s:o, s:{s:s, s:s, s:o}, s:I, s:I, s:I, s:I, s:o}", "node",
			 agent->config.node, "drained", agent->draining, "ready", ready, "why",
			 *why.text ? text_json(why.text) : json_null(), "store", "engine",
			 store_engine_names[agent->config.engine], "state",
			 lease_state_names[lease.state], "trouble",
			 *lease.trouble ? text_json(lease.trouble) : json_null(), "sessions",
			 (json_int_t)lease.sessions, "wanted", (json_int_t)lease.wanted, "held",
			 (json_int_t)lease.held, "announced",
			 (json_int_t)status->survey.counts[REASON_NONE], "reasons",
			 list_reasons(&status->survey));
	json_write_open(node, "services", out);
}

/* ---- rows ---- */

/* What all rows of a part need. */
struct part {
	struct agent_status *status;
	FILE *out;
	enum reason no_part;
	bool knows_holders;
	struct address addresses[PART];
	struct lease_info infos[PART];
	size_t count;
};

static const struct address *address_at(const struct service *service, size_t at)
{
	return at < service->external.count
		       ? &service->external.list[at]
		       : &service->load_balancer.list[at - service->external.count];
}

static void gather(struct part *part)
{
	const struct agent_status *status = part->status;
	size_t at = status->at;

	for (size_t s = status->next; s < status->count && s - status->next < PART; s++, at = 0) {
		const struct service *service = status->services[s];

		for (; at < service_address_count(service) && part->count < PART; at++)
			part->addresses[part->count++] = *address_at(service, at);
	}
}

static void write_address(const struct part *part, size_t i)
{
	const struct address *address = &part->addresses[i];
	const struct lease_info *info = &part->infos[i];
	enum reason reason = agent_reason(part->status->agent, address, info, part->no_part);
	bool known = info->held || (part->knows_holders && !info->unknown);
	const char *holder = info->held || info->holder_alive ? info->holder : "";
	char ip[INET6_ADDRSTRLEN];

	fprintf(part->out, "%s{\"ip\": \"%s\", \"holder\": ", part->status->at ? ", " : "",
		address_format(address, ip));
	json_write_string(known && *holder ? holder : NULL, part->out);
	fprintf(part->out, ", \"known\": %s, \"reason\": ", known ? "true" : "false");
	json_write_string(reason ? reason_name(reason) : NULL, part->out);
	fputc('}', part->out);
}

/* False: the Service has no row. */
static bool begin_row(const struct part *part, const struct service *service)
{
	struct agent_status *status = part->status;
	struct why why;

	agent_why_no_address(status->agent, service, &why);
	/* a Service without any address isn't meant to be announced */
	if (!service_address_count(service) && !why.reason)
		return false;
	fputs(status->any ? ", {\"namespace\": " : "{\"namespace\": ", part->out);
	status->any = true;
	json_write_string(service->namespace, part->out);
	fputs(", \"service\": ", part->out);
	json_write_string(service->name, part->out);
	fputs(", \"reason\": ", part->out);
	json_write_string(why.reason ? reason_name(why.reason) : NULL, part->out);
	fputs(", \"addresses\": [", part->out);
	return true;
}

/* The gathered addresses end where a part of a Service does, or between two of them. */
static void write_rows(struct part *part)
{
	struct agent_status *status = part->status;
	size_t i = 0;

	for (size_t visited = 0; status->next < status->count && visited < PART; visited++) {
		struct service *service = status->services[status->next];
		const size_t count = service_address_count(service);

		if (count && i == part->count)
			return;
		if (status->at || begin_row(part, service)) {
			for (; status->at < count && i < part->count; status->at++)
				write_address(part, i++);
			if (status->at < count)
				return;
			fputs("]}", part->out);
		}
		service_unref(service);
		status->next++;
		status->at = 0;
	}
}

static void write_part(struct agent_status *status, FILE *out)
{
	struct part *part = xcalloc(1, sizeof(*part));
	struct why why;

	agent_why_no_part(status->agent, &why);
	part->status = status;
	part->out = out;
	part->no_part = why.reason;
	part->knows_holders = agent_knows_holders(status->agent);
	gather(part);
	lease_thread_find(status->agent->thread, part->addresses, part->count, note_info,
			  part->infos);
	write_rows(part);
	free(part);
}

/* ---- life ---- */

struct agent_status *agent_status_new(struct agent *agent)
{
	struct agent_status *status = xcalloc(1, sizeof(*status));

	status->agent = agent;
	status->example = 1;
	return status;
}

void agent_status_free(void *data)
{
	struct agent_status *status = data;

	for (size_t i = status->next; i < status->count; i++)
		service_unref(status->services[i]);
	free(status->services);
	free(status);
}

bool agent_status_next(void *data, FILE *out)
{
	struct agent_status *status = data;

	switch (status->step) {
	case STEP_SERVICES:
		snapshot_services(status);
		status->step = STEP_REASONS;
		break;
	case STEP_REASONS:
		agent_survey_reasons(status->agent, &status->survey);
		status->step = STEP_EXAMPLES;
		break;
	case STEP_EXAMPLES:
		if (status->example == REASON_COUNT)
			status->step = STEP_NODE;
		else
			describe_example(status);
		break;
	case STEP_NODE:
		write_node(status, out);
		status->step = STEP_ROWS;
		break;
	case STEP_ROWS:
		if (status->next < status->count) {
			write_part(status, out);
			break;
		}
		fputs("]}", out);
		return false;
	}
	return true;
}
