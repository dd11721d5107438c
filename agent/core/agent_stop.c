// SPDX-License-Identifier: GPL-2.0-or-later
/* SIGTERM: releases the leases and the leadership at the same time, and ends after both. */
#include <syslog.h>

#include "agent.h"
#include "agent_state.h"
#include "loop.h"

/* Ends without waiting longer for an unreachable store. */
#define STOP_USEC UINT64_C(3000000)

static int stop_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	log_say(LOG_WARNING, "the store doesn't answer; other nodes wait until our lease expires");
	return sd_event_exit(agent->event, 0);
}

static void exit_if_done(struct agent *agent)
{
	if (agent->leases_ended && agent->source_stopped)
		sd_event_exit(agent->event, 0);
}

void agent_leases_ended(struct agent *agent)
{
	agent->leases_ended = true;
	exit_if_done(agent);
}

void agent_source_stopped(void *userdata)
{
	struct agent *agent = userdata;

	agent->source_stopped = true;
	exit_if_done(agent);
}

void agent_stop(struct agent *agent)
{
	if (agent->stopping)
		return;
	systemd_send(agent->systemd, "STOPPING=1");
	agent->draining = true;
	loop_timer_new(agent->event, STOP_USEC, stop_due, agent, &agent->stopping);
	lease_thread_stop(agent->thread);
	source_stop(agent->source);
}
