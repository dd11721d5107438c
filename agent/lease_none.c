// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands in for the lease library until it is merged: engine none, through the same interface. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "address.h"
#include "clock.h"
#include "lease.h"

#define SLOT 1

const char *const lease_engine_names[LEASE_ENGINE_COUNT] = { "none", "etcd", "kubernetes" };
const char *const lease_state_names[LEASE_STATE_COUNT] = { "connecting", "name-taken", "active",
							   "drained", "ended" };
const char *const lease_loss_names[LEASE_LOSS_COUNT] = { "unwanted", "drain", "moved", "session",
							 "taken" };

uint64_t lease_margin_ns(uint64_t duration_ns)
{
	return duration_ns / 20 > 50000000 ? duration_ns / 20 : 50000000;
}

int lease_timing_check(const struct lease_timing *timing, struct err *err)
{
	uint64_t duration = timing->duration_ns;

	if (!duration || duration % 1000000000)
		return err_set(err, -EINVAL, "the duration must be whole seconds, at least one");
	if (12 * timing->retry_period_ns >= 10 * timing->renew_deadline_ns ||
	    timing->renew_deadline_ns >= duration - lease_margin_ns(duration))
		return err_set(err, -EINVAL,
			       "1.2 * retryPeriod must be less than renewDeadline, and that less "
			       "than duration - margin");
	return 0;
}

struct lease_manager {
	char node[LEASE_NODE_MAX + 1];
	struct lease_timing timing;
	struct lease_callbacks callbacks;
	void *userdata;
	sd_event_source *timer;
	struct address *wanted; /* sorted */
	size_t count, capacity;
	bool begun, draining, stopping;
	struct lease_status status;
};

static size_t place_of(const struct lease_manager *manager, const struct address *address)
{
	size_t first = 0, last = manager->count;

	while (first < last) {
		size_t middle = (first + last) / 2;

		if (address_compare(&manager->wanted[middle], address) < 0)
			first = middle + 1;
		else
			last = middle;
	}
	return first;
}

static bool wanted_at(const struct lease_manager *manager, size_t at, const struct address *address)
{
	return at < manager->count && !address_compare(&manager->wanted[at], address);
}

static bool holding(const struct lease_manager *manager)
{
	return manager->begun && !manager->draining;
}

static void set_state(struct lease_manager *manager, enum lease_state state, const char *text)
{
	if (manager->status.state == state && state != LEASE_CONNECTING)
		return;
	manager->status.state = state;
	manager->callbacks.state(state, text, manager->userdata);
}

static void gain(struct lease_manager *manager, const struct address *address)
{
	manager->status.gained++;
	manager->callbacks.gained(address, SLOT, manager->userdata);
}

static int lose(struct lease_manager *manager, const struct address *address, enum lease_loss why)
{
	int r = manager->callbacks.lost(address, why, manager->userdata);

	manager->status.lost += r >= 0;
	return r;
}

/* Tries to end every claim; false: again at the next tick. */
static bool give_up(struct lease_manager *manager)
{
	for (size_t i = 0; i < manager->count; i++)
		if (lose(manager, &manager->wanted[i], LEASE_LOSS_DRAIN) < 0)
			return false;
	return true;
}

static int renew(struct lease_manager *manager)
{
	uint64_t duration = manager->timing.duration_ns;
	uint64_t deadline = clock_boot_ns() + duration - lease_margin_ns(duration);
	int r = manager->callbacks.stamp(SLOT, deadline, manager->userdata);

	if (r < 0) {
		manager->status.renewal_failures++;
		return r;
	}
	manager->status.deadline_ns = deadline;
	manager->status.renewals++;
	return 0;
}

static void begin(struct lease_manager *manager)
{
	bool resumed = manager->callbacks.stamped(SLOT, manager->userdata) > clock_boot_ns();

	manager->begun = true;
	if (manager->callbacks.purge(manager->userdata) < 0 || renew(manager) < 0) {
		manager->begun = false;
		return;
	}
	manager->status.slot = SLOT;
	manager->status.sessions++;
	set_state(manager, LEASE_ACTIVE, resumed ? "resumed within the lease" : "begun");
	for (size_t i = 0; i < manager->count && holding(manager); i++)
		gain(manager, &manager->wanted[i]);
}

static int tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lease_manager *manager = userdata;

	(void)usec;
	if (!manager->begun && !manager->stopping)
		begin(manager);
	else if (manager->callbacks.stamped(SLOT, manager->userdata) < clock_boot_ns() &&
		 !manager->draining)
		manager->callbacks.log(LOG_WARNING,
				       "the stamp had run out: this process stood still",
				       manager->userdata);
	if (manager->begun)
		renew(manager);
	if (manager->draining && manager->status.state == LEASE_ACTIVE && give_up(manager))
		set_state(manager, LEASE_DRAINED, "drained");
	if (manager->stopping && manager->status.state == LEASE_DRAINED)
		set_state(manager, LEASE_ENDED, "stopped");
	if (manager->status.state == LEASE_ENDED)
		return 0;
	sd_event_source_set_time_relative(
		source, manager->begun ? manager->timing.retry_period_ns / 1000 : 50000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int lease_manager_new(sd_event *event, const struct lease_config *config,
		      const struct lease_callbacks *callbacks, void *userdata,
		      struct lease_manager **ret_manager, struct err *err)
{
	struct lease_manager *manager;
	int r = lease_timing_check(&config->timing, err);

	if (r < 0)
		return r;
	if (config->engine != LEASE_ENGINE_NONE)
		return err_set(err, -EOPNOTSUPP, "this build has engine none only");
	manager = calloc(1, sizeof(*manager));
	if (!manager)
		return err_set(err, -ENOMEM, "out of memory");
	manager->timing = config->timing;
	manager->callbacks = *callbacks;
	manager->userdata = userdata;
	snprintf(manager->node, sizeof(manager->node), "%s", config->node);
	r = sd_event_add_time_relative(event, &manager->timer, CLOCK_BOOTTIME, 0, 1000, tick,
				       manager);
	if (r >= 0)
		r = sd_event_source_set_priority(manager->timer, SD_EVENT_PRIORITY_IMPORTANT);
	if (r < 0) {
		lease_manager_free(manager);
		return err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	*ret_manager = manager;
	return 0;
}

void lease_manager_free(struct lease_manager *manager)
{
	if (!manager)
		return;
	sd_event_source_disable_unref(manager->timer);
	free(manager->wanted);
	free(manager);
}

int lease_manager_want(struct lease_manager *manager, const struct address *address,
		       const struct lease_preference *preference)
{
	size_t at = place_of(manager, address);

	(void)preference;
	if (wanted_at(manager, at, address))
		return 0;
	if (manager->count == manager->capacity) {
		size_t capacity = 2 * manager->capacity + 64;
		struct address *wanted = reallocarray(manager->wanted, capacity, sizeof(*wanted));

		if (!wanted)
			return -ENOMEM;
		manager->wanted = wanted;
		manager->capacity = capacity;
	}
	memmove(manager->wanted + at + 1, manager->wanted + at,
		(manager->count - at) * sizeof(*address));
	manager->wanted[at] = *address;
	manager->count++;
	if (holding(manager))
		gain(manager, address);
	return 0;
}

void lease_manager_unwant(struct lease_manager *manager, const struct address *address)
{
	size_t at = place_of(manager, address);
	struct address gone = *address;

	if (!wanted_at(manager, at, address))
		return;
	manager->count--;
	memmove(manager->wanted + at, manager->wanted + at + 1,
		(manager->count - at) * sizeof(*address));
	if (holding(manager))
		lose(manager, &gone, LEASE_LOSS_UNWANTED);
}

void lease_manager_settled(struct lease_manager *manager)
{
	(void)manager;
}

static void tick_now(struct lease_manager *manager)
{
	sd_event_source_set_time_relative(manager->timer, 0);
	sd_event_source_set_enabled(manager->timer, SD_EVENT_ONESHOT);
}

void lease_manager_drain(struct lease_manager *manager, bool drain)
{
	if (manager->draining == drain || manager->stopping)
		return;
	manager->draining = drain;
	if (!drain && manager->begun) {
		set_state(manager, LEASE_ACTIVE, "takes part again");
		for (size_t i = 0; i < manager->count; i++)
			gain(manager, &manager->wanted[i]);
	}
	tick_now(manager);
}

void lease_manager_stop(struct lease_manager *manager)
{
	manager->draining = manager->stopping = true;
	tick_now(manager);
}

int lease_manager_move(struct lease_manager *manager, const struct address *address,
		       const char *node, struct err *err)
{
	char ip[INET6_ADDRSTRLEN];

	if (!wanted_at(manager, place_of(manager, address), address))
		return err_set(err, -ENOENT, "%s: no claim is known", address_format(address, ip));
	if (!strcmp(node, manager->node))
		return err_set(err, -EALREADY, "%s is at %s already", address_format(address, ip),
			       node);
	return err_set(err, -EHOSTDOWN, "no node %s is alive", node);
}

uint8_t lease_manager_holds(const struct lease_manager *manager, const struct address *address)
{
	return holding(manager) && wanted_at(manager, place_of(manager, address), address) ? SLOT
											   : 0;
}

int lease_manager_info(const struct lease_manager *manager, const struct address *address,
		       struct lease_info *ret_info)
{
	struct lease_info info = {};
	uint64_t now = clock_boot_ns(), until;

	if (!wanted_at(manager, place_of(manager, address), address))
		return -ENOENT;
	if (holding(manager)) {
		until = manager->status.deadline_ns;
		memcpy(info.holder, manager->node, sizeof(info.holder));
		info.held = info.holder_alive = true;
		info.slot = SLOT;
		info.remaining_ns = until > now ? until - now : 0;
	}
	*ret_info = info;
	return 0;
}

void lease_manager_status(const struct lease_manager *manager, struct lease_status *ret_status)
{
	*ret_status = manager->status;
	ret_status->wanted = manager->count;
	ret_status->held = holding(manager) ? manager->count : 0;
}
