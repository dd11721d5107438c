// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "hash.h"
#include "inquiry.h"
#include "log.h"
#include "loop.h"
#include "prober.h"

/* Until what couldn't be probed is tried again. */
#define UNASKED_PAUSE_NS CLOCK_NS_PER_S

/* An address that was yielded and isn't a target now: it may be one again. */
struct former {
	struct target was; /* of this only what keep_state() copies, and the address */
	UT_hash_handle hh;
};

struct inquiry {
	struct prober *prober;
	sd_event_source *pause; /* ends with the first target's pause */
	struct inquiry_callbacks callbacks;
	void *userdata;
	struct desired *desired; /* of the last inquiry_apply() */
	bool any_taken;		 /* another host has one of them */
	struct former *formers;	 /* by address */
	uint64_t yields;
};

/* A router that answers every request may claim 100,000 addresses. */
static struct log_limit other_hosts;

static void log_other_host(const struct target *target)
{
	char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];

	log_limited(&other_hosts, LOG_WARNING,
		    target->yielded ? "%s uses %s too; gave it up, next probe in %llu s"
				    : "%s uses %s; not claiming it, next probe in %llu s",
		    mac_format(target->other_mac, mac), address_format(&target->address, ip),
		    INQUIRY_PAUSE_NS / CLOCK_NS_PER_S);
}

static void pause_target(struct target *target, const uint8_t mac[ETH_ALEN])
{
	memcpy(target->other_mac, mac, ETH_ALEN);
	target->probe_state = INQUIRY_TAKEN;
	target->retry_ns = clock_boot_ns() + INQUIRY_PAUSE_NS;
}

/* Sets the timer to the end of the first pause, so that a spoofed reply silences an address for a
 * minute at most. */
static void wait_for_pauses(struct inquiry *inquiry)
{
	uint64_t first_ns = UINT64_MAX, now_ns = clock_boot_ns();

	for (size_t i = 0; i < inquiry->desired->count; i++) {
		const struct target *target = &inquiry->desired->list[i];

		if ((target->probe_state == INQUIRY_TAKEN ||
		     (target->probe_state == INQUIRY_DUE && target->retry_ns > now_ns)) &&
		    target->retry_ns < first_ns)
			first_ns = target->retry_ns;
	}
	loop_timer_at(inquiry->pause, first_ns);
}

static int pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct inquiry *inquiry = userdata;

	inquiry->callbacks.changed(inquiry->userdata);
	return 0;
}

/* Does @target's next probe state depend on the group's claim? */
static bool needs_claim(const struct target *target, bool probe)
{
	return target->probe_state == INQUIRY_TAKEN ||
	       (target->probe_state == INQUIRY_UNDECIDED && probe);
}

/* Was @target given up not long ago? */
static bool was_yielded(const struct target *target, uint64_t now_ns)
{
	return target->yielded_ns && now_ns - target->yielded_ns < INQUIRY_WARY_NS;
}

/* @target's next probe state, from the group's claim, if it needs one, and the time. */
static enum inquiry_state advance(const struct target *target, bool probe, enum group_claim claim,
				  uint64_t now_ns)
{
	switch (target->probe_state) {
	case INQUIRY_UNDECIDED:
		if (!probe)
			return INQUIRY_FREE;
		if (claim == GROUP_NOT_KNOWN)
			return INQUIRY_UNDECIDED;
		return claim == GROUP_NEVER ? INQUIRY_DUE : INQUIRY_FREE;
	case INQUIRY_TAKEN:
		/* the host that replied is a node of our group, whose claim we know only now */
		if (claim == GROUP_NOW && !target->yielded)
			return INQUIRY_FREE;
		/* found by a probe, and probes have been turned off since */
		if (!probe && !target->yielded_ns)
			return INQUIRY_FREE;
		if (now_ns < target->retry_ns)
			return INQUIRY_TAKEN;
		return claim == GROUP_NOW ? INQUIRY_FREE : INQUIRY_DUE;
	default:
		return target->probe_state;
	}
}

/* Sets the next probe state of all targets. */
static void advance_all(struct inquiry *inquiry, bool probe)
{
	struct desired *desired = inquiry->desired;
	_cleanup_free_ enum group_claim *claims = NULL;
	_cleanup_free_ struct address *asked = NULL;
	size_t count = 0, capacity = 0, at = 0;
	uint64_t now_ns = clock_boot_ns();

	for (size_t i = 0; i < desired->count; i++)
		if (needs_claim(&desired->list[i], probe)) {
			ALLOC_GROW(asked, count, capacity);
			asked[count++] = desired->list[i].address;
		}
	claims = xcalloc(count + 1, sizeof(*claims));
	if (count)
		inquiry->callbacks.group_claims(asked, count, claims, inquiry->userdata);
	for (size_t i = 0; i < desired->count; i++) {
		struct target *target = &desired->list[i];
		bool needs = needs_claim(target, probe);

		target->probe_state = advance(target, probe, claims[at], now_ns);
		at += needs;
	}
}

static void keep_state(struct target *target, const struct target *was)
{
	target->probe_state = was->probe_state;
	target->yielded = was->yielded;
	target->retry_ns = was->retry_ns;
	target->yielded_ns = was->yielded_ns;
	target->contested_ns = was->contested_ns;
	memcpy(target->other_mac, was->other_mac, ETH_ALEN);
}

static void former_free(struct inquiry *inquiry, struct former *former)
{
	HASH_DEL(inquiry->formers, former);
	free(former);
}

/* @target isn't desired now. */
static void remember(struct inquiry *inquiry, const struct target *target)
{
	struct former *former;

	if (!was_yielded(target, clock_boot_ns()))
		return;
	former = xcalloc(1, sizeof(*former));
	former->was.address = target->address;
	keep_state(&former->was, target);
	HASH_ADD(hh, inquiry->formers, was.address, sizeof(former->was.address), former);
}

/* @target wasn't desired at the last evaluation. */
static void recall(struct inquiry *inquiry, struct target *target)
{
	struct former *former;

	HASH_FIND(hh, inquiry->formers, &target->address, sizeof(target->address), former);
	if (!former)
		return;
	keep_state(target, &former->was);
	if (target->probe_state == INQUIRY_RUNNING) /* that round may be over */
		target->probe_state = INQUIRY_DUE;
	if (target->probe_state == INQUIRY_FREE)
		target->probe_state = INQUIRY_UNDECIDED;
	former_free(inquiry, former);
}

static void forget_old(struct inquiry *inquiry)
{
	uint64_t now_ns = clock_boot_ns();
	struct former *former, *next;

	HASH_ITER(hh, inquiry->formers, former, next)
	if (!was_yielded(&former->was, now_ns))
		former_free(inquiry, former);
}

/* Copies the probes' state by address. Both lists are sorted by address. */
static void carry_over(struct inquiry *inquiry, const struct desired *from, struct desired *to)
{
	size_t old = 0, new = 0;

	forget_old(inquiry);
	while (old < from->count || new < to->count) {
		int order = old == from->count ? 1
			    : new == to->count ? -1
					       : address_compare(&from->list[old].address,
								 &to->list[new].address);

		if (order < 0)
			remember(inquiry, &from->list[old]);
		else if (order > 0)
			recall(inquiry, &to->list[new]);
		else
			keep_state(&to->list[new], &from->list[old]);
		old += order <= 0;
		new += order >= 0;
	}
}

/* Starts a round with the due probes that fit into it. An address is probed on all its interfaces
 * that have carrier in the same round. */
static void begin_round(struct inquiry *inquiry)
{
	struct desired *desired = inquiry->desired;
	uint64_t now_ns = clock_boot_ns();
	size_t room = PROBER_ROUND;

	if (prober_busy(inquiry->prober))
		return;
	for (size_t i = 0; i < desired->count; i++) {
		struct target *target = &desired->list[i];

		if (target->probe_state != INQUIRY_DUE || target->retry_ns > now_ns ||
		    !target->usable || target->count > room)
			continue;
		target->probe_state = INQUIRY_RUNNING;
		room -= target->count;
		for (size_t on = 0; on < target->count; on++)
			prober_add(inquiry->prober, &target->address, target->on[on].ifindex);
	}
	prober_begin(inquiry->prober);
}

void inquiry_apply(struct inquiry *inquiry, const struct desired *before, struct desired *now,
		   bool probe)
{
	inquiry->desired = now;
	inquiry->any_taken = false;
	carry_over(inquiry, before, now);
	advance_all(inquiry, probe);
	for (size_t i = 0; i < now->count; i++) {
		struct target *target = &now->list[i];

		target->usable = !target->reason;
		inquiry->any_taken = inquiry->any_taken || target->probe_state == INQUIRY_TAKEN;
		if (target->probe_state != INQUIRY_FREE && target->usable)
			target->reason = target->probe_state == INQUIRY_TAKEN ? REASON_OTHER_HOST
									      : REASON_NOT_PROBED;
	}
	wait_for_pauses(inquiry);
	begin_round(inquiry);
}

/* Must another conflict follow on the one at @now_ns before the address is given up? Only if it was
 * given up not long ago and this is the first conflict since. */
static bool must_recur(const struct target *target, uint64_t now_ns)
{
	if (!was_yielded(target, now_ns))
		return false;
	return !target->contested_ns || now_ns - target->contested_ns >= INQUIRY_CONTEST_NS;
}

bool inquiry_yield(struct inquiry *inquiry, const struct address *address,
		   const uint8_t mac[ETH_ALEN])
{
	struct target *target = (struct target *)desired_find(inquiry->desired, address);
	uint64_t now_ns = clock_boot_ns();

	if (!target || target->probe_state == INQUIRY_TAKEN)
		return true;
	if (must_recur(target, now_ns)) {
		target->contested_ns = now_ns;
		return false;
	}
	pause_target(target, mac);
	target->yielded = true;
	target->yielded_ns = now_ns;
	target->contested_ns = 0;
	inquiry->yields++;
	log_other_host(target);
	inquiry->callbacks.changed(inquiry->userdata);
	return true;
}

bool inquiry_due(const struct inquiry *inquiry)
{
	/* another node may have claimed it, or the pause may have ended */
	return inquiry->any_taken;
}

void inquiry_configure(struct inquiry *inquiry, uint32_t rate)
{
	prober_configure(inquiry->prober, rate);
}

uint64_t inquiry_probes_sent(const struct inquiry *inquiry)
{
	return prober_sent(inquiry->prober);
}

uint64_t inquiry_yields(const struct inquiry *inquiry)
{
	return inquiry->yields;
}

static void address_taken(const struct address *address, const uint8_t mac[ETH_ALEN],
			  void *userdata)
{
	struct inquiry *inquiry = userdata;
	struct target *target = (struct target *)desired_find(inquiry->desired, address);
	enum group_claim claim;

	if (!target || target->probe_state != INQUIRY_RUNNING)
		return;
	/* if a node of our group has claimed it meanwhile, the reply is that node's */
	inquiry->callbacks.group_claims(address, 1, &claim, inquiry->userdata);
	if (claim == GROUP_NOW)
		return;
	pause_target(target, mac);
	target->yielded = false;
	log_other_host(target);
}

static void address_unasked(const struct address *address, void *userdata)
{
	struct inquiry *inquiry = userdata;
	struct target *target = (struct target *)desired_find(inquiry->desired, address);

	if (!target || target->probe_state != INQUIRY_RUNNING)
		return;
	/* others go before it meanwhile */
	target->probe_state = INQUIRY_DUE;
	target->retry_ns = clock_boot_ns() + UNASKED_PAUSE_NS;
}

static void round_done(void *userdata)
{
	struct inquiry *inquiry = userdata;

	for (size_t i = 0; i < inquiry->desired->count; i++)
		if (inquiry->desired->list[i].probe_state == INQUIRY_RUNNING)
			inquiry->desired->list[i].probe_state = INQUIRY_FREE;
	log_limit_tick(&other_hosts, LOG_WARNING);
	inquiry->callbacks.changed(inquiry->userdata);
}

static void prober_log(int priority, const char *text, void *userdata)
{
	struct inquiry *inquiry = userdata;

	inquiry->callbacks.log(priority, text, inquiry->userdata);
}

int inquiry_new(sd_event *event, const struct links *links,
		const struct inquiry_callbacks *callbacks, void *userdata,
		struct inquiry **ret_inquiry, struct err *err)
{
	static const struct prober_callbacks own = { address_taken, address_unasked, round_done,
						     prober_log };
	struct inquiry *inquiry = xcalloc(1, sizeof(*inquiry));
	int r;

	inquiry->callbacks = *callbacks;
	inquiry->userdata = userdata;
	r = prober_new(event, links, &own, inquiry, &inquiry->prober, err);
	if (!r) {
		r = loop_timer_new(event, LOOP_NEVER, pause_over, inquiry, &inquiry->pause);
		if (r < 0)
			err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	if (r < 0) {
		inquiry_free(inquiry);
		return r;
	}
	*ret_inquiry = inquiry;
	return 0;
}

void inquiry_free(struct inquiry *inquiry)
{
	if (!inquiry)
		return;
	while (inquiry->formers)
		former_free(inquiry, inquiry->formers);
	sd_event_source_disable_unref(inquiry->pause);
	prober_free(inquiry->prober);
	free(inquiry);
}
