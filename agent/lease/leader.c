// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <sys/random.h>

#include "alloc.h"
#include "clock.h"
#include "leader.h"
#include "lease.h"
#include "loop.h"

/* Led from a stamp's renewal on for 14.25 s, less what the last request may take. */
static const struct lease_timing timing = { 15 * CLOCK_NS_PER_S, 9 * CLOCK_NS_PER_S,
					    3 * CLOCK_NS_PER_S };
#define TICK_USEC 1000000

struct leader {
	sd_event *event;
	struct kube *kube;
	struct lease_machine *machine; /* NULL: it isn't a candidate */
	sd_event_source *tick;
	struct leader_callbacks callbacks;
	void *userdata;
	char *name, *node;
	char id[RECORD_ID_DIGITS + 1];
	uint64_t deadline_ns; /* others wait until then at least; 0: it has no session */
	bool led;	      /* as it was last told */
};

bool leader_leads(const struct leader *leader)
{
	return clock_boot_ns() + KUBE_WRITE_NS <= leader->deadline_ns;
}

static void tell(struct leader *leader)
{
	bool leads = leader_leads(leader);

	if (leads == leader->led)
		return;
	leader->led = leads;
	leader->callbacks.changed(leader->userdata);
}

/* ---- what the session asks for: there are no addresses, and nothing outlives the process ---- */

static void on_address(const struct address *address, void *userdata)
{
}

static void on_gained(const struct address *address, uint8_t slot, void *userdata)
{
}

static int on_lost(const struct address *address, enum lease_loss reason, void *userdata)
{
	return 0;
}

static int on_present(const struct address *address, void *userdata)
{
	return 0;
}

/* Requests of an ended session are over before the session's time is. */
static int on_purge(void *userdata)
{
	return 0;
}

/* Long ago: a session of this agent's id is of the process before, which is gone. */
static int on_stamped(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata)
{
	*ret_deadline_ns = 1;
	return 0;
}

static int on_stamp(uint8_t slot, uint64_t deadline_ns, void *userdata)
{
	struct leader *leader = userdata;

	leader->deadline_ns = deadline_ns;
	tell(leader);
	return 0;
}

static void on_log(int priority, const char *text, void *userdata)
{
	struct leader *leader = userdata;
	struct err said;

	if (priority > LOG_WARNING)
		return;
	err_write(&said, "lease %s: %s", leader->name, text);
	leader->callbacks.log(priority, said.text, leader->userdata);
}

static void on_state(enum lease_state state, const char *text, void *userdata)
{
	struct leader *leader = userdata;

	if (state == LEASE_NEWER)
		on_log(LOG_ERR, text, leader);
	if (state == LEASE_ACTIVE)
		return;
	leader->deadline_ns = 0;
	tell(leader);
	if (state == LEASE_ENDED)
		leader->callbacks.stopped(leader->userdata);
}

static void on_owners(void *userdata)
{
}

static const struct lease_callbacks lease_callbacks = {
	.gained = on_gained,
	.lost = on_lost,
	.purge = on_purge,
	.present = on_present,
	.stamp = on_stamp,
	.stamped = on_stamped,
	.changed = on_address,
	.state = on_state,
	.owners = on_owners,
	.log = on_log,
};

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	tell(userdata);
	return loop_timer_after(source, TICK_USEC);
}

void leader_begin(struct leader *leader)
{
	const struct lease_config config = {
		.engine = STORE_ENGINE_KUBERNETES,
		.node = leader->node,
		.id = leader->id,
		.timing = timing,
		.always = true,
		.kube = leader->kube,
		.election = leader->name,
	};
	struct err err;

	if (leader->machine)
		return;
	if (lease_start(leader->event, &config, &lease_callbacks, leader, &leader->machine, &err) <
	    0)
		on_log(LOG_ERR, err.text, leader);
	else
		lease_machine_settled(leader->machine);
}

void leader_stop(struct leader *leader)
{
	/* without a session there is nothing that others wait for */
	if (leader->deadline_ns)
		lease_machine_stop(leader->machine);
	else
		leader->callbacks.stopped(leader->userdata);
}

void leader_free(struct leader *leader)
{
	if (!leader)
		return;
	lease_end(leader->machine);
	sd_event_source_disable_unref(leader->tick);
	sd_event_unref(leader->event);
	free(leader->name);
	free(leader->node);
	free(leader);
}

int leader_new(sd_event *event, struct kube *kube, const char *name, const char *node,
	       const struct leader_callbacks *callbacks, void *userdata, struct leader **ret_leader,
	       struct err *err)
{
	struct leader *leader = xcalloc(1, sizeof(*leader));
	uint64_t number[2];
	int r = 0;

	*leader = (struct leader){ .event = sd_event_ref(event),
				   .kube = kube,
				   .callbacks = *callbacks,
				   .userdata = userdata,
				   .name = xstrdup(name),
				   .node = xstrdup(node) };
	/* 256 bytes and fewer come at once, or not at all (getrandom(2)) */
	if (getrandom(number, sizeof(number), 0) < 0)
		r = negative_errno();
	snprintf(leader->id, sizeof(leader->id), "%016llx%016llx", (unsigned long long)number[0],
		 (unsigned long long)number[1]);
	if (!r)
		r = loop_timer_new(event, TICK_USEC, on_tick, leader, &leader->tick);
	if (r < 0) {
		leader_free(leader);
		return err_set(err, r, "electing a leader: %s", strerror(-r));
	}
	*ret_leader = leader;
	return 0;
}
