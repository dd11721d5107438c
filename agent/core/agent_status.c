// SPDX-License-Identifier: GPL-2.0-or-later
/* This node's state and all Services, as JSON that is written in parts. */
#include <stdlib.h>

#include "agent_state.h"
#include "alloc.h"
#include "cleanup.h"
#include "json.h"
#include "policy_force.h"
#include "text.h"

struct agent_status {
	struct agent *agent;
	enum {
		STEP_SERVICES,
		STEP_REASONS,
		STEP_EXAMPLES,
		STEP_NODE,
		STEP_ROWS,
	} step;
	struct rows rows;
	struct reason_survey survey;
	enum reason example; /* the next that gets its text */
};

/* ---- steps ---- */

static void snapshot_services(struct agent_status *status)
{
	const struct policy_input input = agent_policy_input(status->agent);
	size_t count;
	_cleanup_free_ const struct service **services =
		services_in_force(input.manifests, input.count, &count);

	rows_init(&status->rows, services, count);
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
struct view {
	struct agent *agent;
	enum reason no_part;
	bool knows_holders;
};

static json_t *begin_service(const struct service *service, void *userdata)
{
	const struct view *view = userdata;
	struct why why;

	agent_why_no_address(view->agent, service, &why);
	/* a Service without any address isn't meant to be announced */
	if (!service_address_count(service) && !why.reason)
		return NULL;
	return json_pack("{s:s, s:s, s:s?}", "namespace", service->namespace, "service",
			 service->name, "reason", why.reason ? reason_name(why.reason) : NULL);
}

static void write_address(const struct address *address, const struct lease_info *info,
			  const char *field, FILE *out, void *userdata)
{
	const struct view *view = userdata;
	enum reason reason = agent_reason(view->agent, address, info, view->no_part);
	bool known = info->held || (view->knows_holders && !info->unknown);
	const char *holder = info->held || info->holder_alive ? info->holder : "";
	char ip[INET6_ADDRSTRLEN];

	fprintf(out, "{\"ip\": \"%s\", \"holder\": ", address_format(address, ip));
	json_write_string(known && *holder ? holder : NULL, out);
	fprintf(out, ", \"known\": %s, \"reason\": ", known ? "true" : "false");
	json_write_string(reason ? reason_name(reason) : NULL, out);
	fputc('}', out);
}

/* False: there is no other. */
static bool write_rows(struct agent_status *status, FILE *out)
{
	static const struct rows_writer writer = { begin_service, write_address };
	struct agent *agent = status->agent;
	struct view view = { .agent = agent, .knows_holders = agent_knows_holders(agent) };
	_cleanup_free_ struct rows_part *part = xcalloc(1, sizeof(*part));
	struct why why;

	agent_why_no_part(agent, &why);
	view.no_part = why.reason;
	rows_gather(&status->rows, agent->thread, part);
	return rows_write(&status->rows, part, &writer, out, &view);
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

	rows_free(&status->rows);
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
		if (write_rows(status, out))
			break;
		fputs("]}", out);
		return false;
	}
	return true;
}
