// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "agent_state.h"
#include "clock.h"
#include "cluster.h"
#include "loop.h"
#include "policy.h"
#include "source_items.h"
#include "store.h"
#include "text_hash.h"

#define USEC_PER_SEC 1000000ULL
/* Interval at which the maps are compared and sysctls read again. */
#define PERIOD_USEC (5 * USEC_PER_SEC)
/* Retry interval if another process holds the writers' lock or an interface has just gone away. */
#define RETRY_USEC 20000
/* Interval of the main loop's sign of life to the lease thread. */
#define BEAT_USEC 200000

static void helper_answered(const struct helper_answer *answer, void *userdata)
{
	struct agent *agent = userdata;

	if (attachments_answered(agent->attachments, answer) > 0)
		agent_input_changed(agent);
	agent->status_due = true;
}

static void lease_news(const struct lease_news *news, void *userdata)
{
	struct agent *agent = userdata;

	reconcile_news(agent->reconcile, news);
	agent->status_due = true;
}

static void lease_state(enum lease_state state, void *userdata)
{
	struct agent *agent = userdata;

	agent->status_due = true;
	if (state == LEASE_ENDED) {
		agent_leases_ended(agent);
		return;
	}
	if (state == LEASE_CONNECTING || agent->session_known)
		return;
	agent->session_known = true;
	/* probing waits for the leases' holders, which are known now */
	if (agent->config.probe)
		agent_evaluate_soon(agent);
	agent_check_ready_to_reconcile(agent);
}

static void lease_maps(bool full, void *userdata)
{
	struct agent *agent = userdata;

	agent->pins_due = true;
	agent->grow_due = agent->grow_due || full;
}

static const struct lease_thread_callbacks lease_callbacks = { lease_news, lease_state, lease_maps,
							       agent_group_changed };

/* The data path has begun to answer for @address on @ifindex. */
static void entered(const struct address *address, uint32_t ifindex, void *userdata)
{
	struct agent *agent = userdata;

	/* Services in files have no Events */
	if (source_has_events(agent->source))
		notify_events_answered(agent->events, address, ifindex);
}

static bool conflict_seen(const struct address *address, uint32_t ifindex,
			  const uint8_t mac[ETH_ALEN], void *userdata)
{
	struct agent *agent = userdata;
	const struct target *target = desired_find(&agent->desired, address);
	const struct links_row *row = links_find(links_table(agent->links), ifindex);
	char ip[INET6_ADDRSTRLEN], text[MAC_TEXT_SIZE];
	uint8_t own[ETH_ALEN];
	bool yields =
		target && (target->terms.conflict ?: agent->config.conflict) == CONFLICT_YIELD;

	program_follow(agent->program);
	if (!row || !target || !program_answers(agent->program, address, ifindex, own))
		return false;
	if (yields && inquiry_yield(agent->inquiry, address, mac))
		return false;
	log_limited(&agent->defences, LOG_WARNING, "%s: %s uses %s too; defending it%s",
		    row->link.name, mac_format(mac, text), address_format(address, ip),
		    yields ? ", and giving it up if that is seen again within 10 s" : "");
	agent->defended++;
	announcer_add(agent->announcer, address, ifindex, ANNOUNCER_DEFENCE);
	return !yields; /* a yielding address must see the next conflict */
}

static int work_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	if (!agent->evaluated)
		agent_evaluate(agent, false);
	return 0;
}

static void compared(const struct err *err, void *userdata)
{
	struct agent *agent = userdata;

	if (err) {
		agent->compare_failures++;
		log_limited(&agent->failures, LOG_ERR, "%s", err->text);
	}
	agent->failure = err ? *err : (struct err){};
	agent->compared = true;
	agent->pins_due = true;
}

static void tick_log(struct agent *agent)
{
	log_tick();
	log_limit_tick(&agent->defences, LOG_WARNING);
	for (size_t i = 0; i < REASON_COUNT + AGENT_ORIGINS; i++)
		log_limit_tick(&agent->notices[i], LOG_NOTICE);
}

static int period_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	/* somebody may have detached a program or set a sysctl */
	helper_watch(agent->helper);
	attachments_recheck(agent->attachments);
	program_retry_filters(agent->program);
	/* not at once: two programs that undo each other's work shouldn't do so at full speed */
	links_take_left(agent->links, program_group_left, agent->program);
	if (!agent->evaluated || kernel_view_changed(&agent->kernel) || inquiry_due(agent->inquiry))
		agent_evaluate(agent, false);
	reconcile_compare(agent->reconcile);
	if (identity_restore(agent->config.bpffs, &agent->identity))
		log_say(LOG_WARNING, "repaired: somebody removed the pin of the agent's identity");
	tick_log(agent);
	agent_notify_service_manager(agent, true);
	return loop_timer_after(source, PERIOD_USEC);
}

static int refresh_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	reconcile_refresh(agent->reconcile, 0);
	return loop_timer_after(source, agent->config.announce_refresh_ns / 1000);
}

static int beat_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	lease_thread_beat(agent->thread);
	return loop_timer_after(source, BEAT_USEC);
}

/* Does the work that needs the writers' lock. -EAGAIN: another process holds it. */
static int work_locked(struct agent *agent, struct err *err)
{
	size_t more[PINS_FAMILIES];
	int r = program_begin(agent->program, err);

	if (!r)
		r = defender_follow(agent->defender, agent->program, err);
	if (!r && agent->grow_due) {
		reconcile_count(agent->reconcile, more);
		r = program_grow(agent->program, more, err);
		if (r != -EAGAIN)
			no_room_decided(agent->no_room, r < 0 ? err : NULL);
		if (!r)
			lease_thread_follow(agent->thread);
		agent->grow_due = r == -EAGAIN;
	}
	if (!r && agent->compared && no_room_why(agent->no_room)) {
		program_room(agent->program, more);
		no_room_retry(agent->no_room, more, clock_boot_ns());
	}
	agent->pins_due = agent->pins_due && r == -EAGAIN;
	return r;
}

/* The end of each turn of the loop. */
static int on_turn_end(sd_event_source *source, void *userdata)
{
	struct agent *agent = userdata;
	struct err err;
	int r = 0;

	if (agent->pins_due || agent->grow_due || program_touched(agent->program))
		r = work_locked(agent, &err);
	if (r < 0 && r != -EAGAIN)
		log_limited(&agent->failures, LOG_ERR, "%s", err.text);
	agent->compared = false;
	if (no_room_changed(agent->no_room))
		agent_evaluate_soon(agent);
	/* end of the turn: release the writers' lock unless the helper still needs it */
	if (!helper_busy(agent->helper))
		program_end(agent->program);
	if (r != -EAGAIN)
		r = attachments_request_next(agent->attachments, agent->links,
					     &agent->config.attach);
	if (helper_busy(agent->helper) &&
	    defender_follow(agent->defender, agent->program, &err) < 0)
		log_limited(&agent->failures, LOG_ERR, "%s", err.text);
	if (r == -EAGAIN)
		loop_timer_after(agent->work, RETRY_USEC);
	else if (r > 0)
		agent_input_changed(agent);
	if (agent->status_due)
		agent_notify_service_manager(agent, false);
	return 0;
}

/* A probe that can't be sent is one of many. */
static void inquiry_log(int priority, const char *text, void *userdata)
{
	struct agent *agent = userdata;

	log_limited(&agent->failures, priority, "%s", text);
}

/* Tenants decide how often there is something to log. */
static void source_log(int priority, const char *origin, const char *text, void *userdata)
{
	struct agent *agent = userdata;
	uint64_t hash = hash_finish(hash_text(HASH_BEGIN, origin ?: ""));

	log_alternating(&agent->notices[REASON_COUNT + hash % AGENT_ORIGINS], priority, "%s", text);
}

static const struct source_callbacks source_callbacks = { agent_input_changed, source_log,
							  agent_source_stopped };
static const struct inquiry_callbacks inquiry_callbacks = { agent_group_claims, agent_evaluate_soon,
							    inquiry_log };

/* ---- life ---- */

static int configure_lease(struct agent *agent, const struct config *config, struct err *err)
{
	struct lease_config lease;

	config_lease(config, agent->identity.id, &lease);
	return lease_thread_configure(agent->thread, &lease, config->liveness_ns, err);
}

/* If the Services exchange all their addresses, there is room for the records of both. */
_Static_assert(2 * (SOURCE_COST_MAX / SERVICE_ADDRESS_COST) <= STORE_CLAIMS_NEW, "see store.h");

static int start_lease(struct agent *agent, struct err *err)
{
	int r = lease_thread_new(agent->event, agent->config.bpffs, agent->config.liveness_ns,
				 agent->systemd, &lease_callbacks, agent, &agent->thread, err);

	/* the first heartbeat publishes this node's own addresses */
	if (!r)
		r = kernel_view_read(&agent->kernel, err);
	if (!r)
		agent_update_group(agent);
	if (!r)
		r = configure_lease(agent, &agent->config, err);
	if (r < 0)
		return r;
	agent->draining = agent->identity.drained;
	if (agent->draining)
		lease_thread_drain(agent->thread, true);
	return 0;
}

static int start_reconcile(struct agent *agent, struct err *err)
{
	const struct reconcile_parts parts = {
		.event = agent->event,
		.thread = agent->thread,
		.program = agent->program,
		.links = agent->links,
		.announcer = agent->announcer,
		.no_room = agent->no_room,
		.callbacks = { attachments_ready, agent->attachments, entered, compared },
		.userdata = agent,
	};

	return reconcile_new(&parts, &agent->reconcile, err);
}

static void set_refresh(struct agent *agent)
{
	uint64_t usec = agent->config.announce_refresh_ns / 1000;

	loop_timer_after(agent->refresh, usec ?: LOOP_NEVER);
	announcer_configure(agent->announcer, agent->config.announce_count,
			    agent->config.announce_interval_ns, agent->config.announce_rate);
	inquiry_configure(agent->inquiry, agent->config.announce_rate);
}

static int start_timers(struct agent *agent, struct err *err)
{
	int r = loop_timer_new(agent->event, 0, work_due, agent, &agent->work);

	if (!r)
		r = loop_timer_new(agent->event, PERIOD_USEC, period_due, agent, &agent->period);
	if (!r)
		r = loop_timer_new(agent->event, PERIOD_USEC, refresh_due, agent, &agent->refresh);
	if (!r)
		r = loop_timer_new(agent->event, 0, beat_due, agent, &agent->beat);
	if (!r)
		r = sd_event_add_post(agent->event, &agent->turn_end, on_turn_end, agent);
	if (r >= 0)
		r = helper_follow(agent->helper, agent->event, helper_answered, agent);
	return r < 0 ? err_set(err, r, "starting timers: %s", strerror(-r)) : 0;
}

static int new_source(struct agent *agent, const struct source_options *options,
		      struct source **ret_source, struct err *err)
{
	return (options->directory ? source_directory_new : cluster_new)(
		agent->event, options, &source_callbacks, agent, ret_source, err);
}

static int agent_start(struct agent *agent, struct err *err)
{
	const struct config *config = &agent->config;
	struct source_options options;
	int r = identity_open(config->bpffs, config->node, &agent->identity, err);

	if (!r)
		r = links_new(agent->event, agent_input_changed, agent_link_moved, agent,
			      &agent->links, err);
	if (r < 0)
		return r;
	agent->attachments = attachments_new(agent->links, agent->program, agent->helper);
	r = announcer_new(agent->event, agent->links, agent->program, &agent->announcer, err);
	config_source(config, &options);
	if (!r)
		r = new_source(agent, &options, &agent->source, err);
	if (!r)
		r = inquiry_new(agent->event, agent->links, &inquiry_callbacks, agent,
				&agent->inquiry, err);
	if (!r)
		r = defender_new(agent->event, agent->links, conflict_seen, agent, &agent->defender,
				 err);
	if (!r)
		r = notify_events_new(agent->event, agent_notify_view, agent, &agent->events, err);
	if (!r)
		r = start_lease(agent, err);
	if (!r)
		r = start_reconcile(agent, err);
	if (!r)
		r = start_timers(agent, err);
	if (r < 0)
		return r;
	set_refresh(agent);
	program_follow(agent->program);
	agent->pins_due = true;
	agent_evaluate(agent, true);
	return 0;
}

int agent_new(const struct agent_parts *parts, struct config *config, struct agent **ret_agent,
	      struct err *err)
{
	struct agent *agent = xcalloc(1, sizeof(*agent));
	int r;

	agent->identity.fd = -1;
	agent->event = sd_event_ref(parts->event);
	agent->systemd = parts->systemd;
	agent->helper = parts->helper;
	agent->program = parts->program;
	agent->path = parts->path;
	agent->times = parts->times;
	agent->config = *config;
	agent->no_room = no_room_new();
	r = agent_start(agent, err);
	if (r < 0) {
		agent_free(agent);
		return r;
	}
	*ret_agent = agent;
	return 0;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	sd_event_source_disable_unref(agent->work);
	sd_event_source_disable_unref(agent->period);
	sd_event_source_disable_unref(agent->refresh);
	sd_event_source_disable_unref(agent->beat);
	sd_event_source_disable_unref(agent->stopping);
	sd_event_source_disable_unref(agent->turn_end);
	notify_events_free(agent->events);
	lease_thread_free(agent->thread);
	reconcile_free(agent->reconcile);
	no_room_free(agent->no_room);
	source_free(agent->source);
	announcer_free(agent->announcer);
	defender_free(agent->defender);
	inquiry_free(agent->inquiry);
	attachments_free(agent->attachments);
	links_free(agent->links);
	identity_close(&agent->identity);
	desired_free(&agent->desired);
	address_list_free(&agent->own);
	address_list_free(&agent->others);
	address_list_free(&agent->named);
	kernel_view_free(&agent->kernel);
	config_free(&agent->config);
	sd_event_unref(agent->event);
	free(agent);
}

static bool listen_same(const struct listen_options *a, const struct listen_options *b)
{
	return !address_compare(&a->address, &b->address) && a->port == b->port &&
	       !strcmp(a->cert ?: "", b->cert ?: "") && !strcmp(a->key ?: "", b->key ?: "") &&
	       !strcmp(a->client_ca ?: "", b->client_ca ?: "");
}

int agent_reload(struct agent *agent, struct err *err)
{
	struct source_options options;
	struct source *source = NULL;
	struct config config, old;
	int r;

	if (agent->stopping)
		return err_set(err, -EBUSY, "stopping");
	r = config_read(agent->path, &config, err);
	if (r < 0)
		return r;
	if (strcmp(config.node, agent->config.node) != 0 ||
	    strcmp(config.bpffs, agent->config.bpffs) != 0 ||
	    !listen_same(&config.listen, &agent->config.listen)) {
		config_free(&config);
		return err_set(err, -EINVAL,
			       "%s: node, bpffs, listen and tls are read at the start only; "
			       "restart instead",
			       agent->path);
	}
	config_source(&config, &options);
	if (!source_same(agent->source, &options))
		r = new_source(agent, &options, &source, err);
	/* the session continues, as over a restart */
	if (!r)
		r = configure_lease(agent, &config, err);
	if (r < 0) {
		source_free(source);
		config_free(&config);
		return r;
	}
	if (source) {
		source_free(agent->source);
		agent->source = source;
	}
	old = agent->config;
	agent->config = config;
	config_free(&old);
	agent->session_known = false;
	agent_group_forget(agent);
	reconcile_again(agent->reconcile);
	set_refresh(agent);
	if (!source)
		source_rescan(agent->source, true);
	agent_evaluate(agent, true);
	return 0;
}

int agent_drain(struct agent *agent, bool drain, bool stay, struct err *err)
{
	int r = identity_set_drained(&agent->identity, drain && stay, err);

	if (r < 0)
		return r;
	log_say(LOG_NOTICE, drain ? "draining on request" : "draining ended on request");
	agent->draining = drain;
	lease_thread_drain(agent->thread, drain);
	return 0;
}

int agent_move(struct agent *agent, const struct address *address, const char *node,
	       struct err *err)
{
	return lease_thread_move(agent->thread, address, node, err);
}
