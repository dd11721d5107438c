// SPDX-License-Identifier: GPL-2.0-or-later
/* SIGTERM: leases and the lead are given up at the same time, and the process ends after both. */
#include <syslog.h>

#include "agent.h"
#include "agent_state.h"

/* The stores may be out of reach. */
#define STOP_USEC UINT64_C(3000000)

static int stop_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	log_say(LOG_WARNING, "the store doesn't answer; others wait for the lease to run out");
	return sd_event_exit(agent->event, 0);
}

static void end_if_over(struct agent *agent)
{
	if (agent->leases_ended && agent->source_stopped)
		sd_event_exit(agent->event, 0);
}

void agent_leases_ended(struct agent *agent)
{
	agent->leases_ended = true;
	end_if_over(agent);
}

void agent_source_stopped(void *userdata)
{
	struct agent *agent = userdata;

	agent->source_stopped = true;
	end_if_over(agent);
}

void agent_stop(struct agent *agent)
{
	if (agent->stopping)
		return;
	notify_send(agent->notify, "STOPPING=1");
	agent->draining = true;
	sd_event_add_time_relative(agent->event, &agent->stopping, CLOCK_BOOTTIME, STOP_USEC, 1000,
				   stop_due, agent);
	lease_thread_stop(agent->thread);
	source_stop(agent->source);
}
