// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "clock.h"
#include "inquiry.h"
#include "prober.h"

struct inquiry {
	struct prober *prober;
	sd_event_source *pause; /* until the first is over */
	struct inquiry_callbacks callbacks;
	void *userdata;
	struct desired *desired; /* of the last inquiry_apply() */
	size_t said;		 /* of the round */
	bool taken;		 /* another host has one of them */
};

/* Lines in the log: a router that answers for everything may have 100,000 addresses. */
#define SAY_MAX 10

static enum group_claim group(const struct inquiry *inquiry, const struct target *target)
{
	return inquiry->callbacks.group(&target->address, inquiry->userdata);
}

static void say(struct inquiry *inquiry, const struct target *target, const char *what)
{
	char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];
	struct err text;

	if (++inquiry->said > SAY_MAX)
		return;
	err_write(&text, "%s has %s; %s for %llu s", mac_format(target->other, mac),
		  address_format(&target->address, ip), what, INQUIRY_PAUSE_NS / 1000000000);
	inquiry->callbacks.log(LOG_WARNING, text.text, inquiry->userdata);
}

static void pause_target(struct target *target, const uint8_t mac[ETH_ALEN])
{
	memcpy(target->other, mac, ETH_ALEN);
	target->asked = ASKED_TAKEN;
	target->again_ns = clock_boot_ns() + INQUIRY_PAUSE_NS;
}

/* Looks again when the first pause is over, no later: a spoofed answer costs an address a minute.
 */
static void wait_for_pauses(struct inquiry *inquiry)
{
	uint64_t first_ns = UINT64_MAX;

	for (size_t i = 0; i < inquiry->desired->count; i++) {
		const struct target *target = &inquiry->desired->list[i];

		if (target->asked == ASKED_TAKEN && target->again_ns < first_ns)
			first_ns = target->again_ns;
	}
	if (first_ns == UINT64_MAX)
		return;
	sd_event_source_set_time(inquiry->pause, first_ns / 1000 + 1);
	sd_event_source_set_enabled(inquiry->pause, SD_EVENT_ONESHOT);
}

static int pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct inquiry *inquiry = userdata;

	inquiry->callbacks.changed(inquiry->userdata);
	return 0;
}

/* What becomes of @target's state by itself. */
static enum asked advance(const struct inquiry *inquiry, const struct target *target, bool probe,
			  uint64_t now_ns)
{
	enum group_claim claim;

	if (target->asked == ASKED_FREE || (target->asked == ASKED_NOT && !probe))
		return ASKED_FREE;
	claim = group(inquiry, target);
	switch (target->asked) {
	case ASKED_NOT:
		if (claim == GROUP_NOT_KNOWN)
			return ASKED_NOT;
		return claim == GROUP_NEVER ? ASKED_DUE : ASKED_FREE;
	case ASKED_TAKEN:
		/* by a node of ours, which the store has told of only now */
		if (claim == GROUP_NOW && !target->yielded)
			return ASKED_FREE;
		if (now_ns < target->again_ns)
			return ASKED_TAKEN;
		return claim == GROUP_NOW ? ASKED_FREE : ASKED_DUE;
	default:
		return target->asked;
	}
}

/* Sorted alike: @from and @to are gone through once. */
static void carry_over(const struct desired *from, struct desired *to)
{
	size_t old = 0;

	for (size_t i = 0; i < to->count; i++) {
		struct target *target = &to->list[i];
		const struct target *was;

		while (old < from->count &&
		       address_compare(&from->list[old].address, &target->address) < 0)
			old++;
		if (old == from->count ||
		    address_compare(&from->list[old].address, &target->address))
			continue;
		was = &from->list[old];
		target->asked = was->asked;
		target->yielded = was->yielded;
		target->again_ns = was->again_ns;
		target->yielded_ns = was->yielded_ns;
		target->contested_ns = was->contested_ns;
		memcpy(target->other, was->other, ETH_ALEN);
	}
}

/* Puts what is to be asked into a round; an address with all its interfaces, or in the next one. */
static void begin_round(struct inquiry *inquiry)
{
	struct desired *desired = inquiry->desired;
	size_t room = PROBER_ROUND;

	if (prober_busy(inquiry->prober))
		return;
	inquiry->said = 0;
	for (size_t i = 0; i < desired->count; i++) {
		struct target *target = &desired->list[i];

		if (target->asked != ASKED_DUE || !target->usable || target->count > room)
			continue;
		target->asked = ASKED_NOW;
		room -= target->count;
		for (size_t on = 0; on < target->count; on++)
			prober_add(inquiry->prober, &target->address, target->on[on].ifindex);
	}
	prober_begin(inquiry->prober);
}

void inquiry_apply(struct inquiry *inquiry, const struct desired *before, struct desired *now,
		   bool probe)
{
	uint64_t now_ns = clock_boot_ns();

	inquiry->desired = now;
	inquiry->taken = false;
	carry_over(before, now);
	for (size_t i = 0; i < now->count; i++) {
		struct target *target = &now->list[i];

		target->usable = !target->reason;
		target->asked = advance(inquiry, target, probe, now_ns);
		inquiry->taken = inquiry->taken || target->asked == ASKED_TAKEN;
		if (target->asked != ASKED_FREE && target->usable)
			target->reason = target->asked == ASKED_TAKEN ? REASON_OTHER_HOST
								      : REASON_NOT_PROBED;
	}
	wait_for_pauses(inquiry);
	begin_round(inquiry);
}

/* Is this conflict at @now_ns the first that follows on a yield? */
static bool must_be_seen_again(const struct target *target, uint64_t now_ns)
{
	if (!target->yielded_ns || now_ns - target->yielded_ns >= INQUIRY_WARY_NS)
		return false;
	return !target->contested_ns || now_ns - target->contested_ns >= INQUIRY_CONTEST_NS;
}

bool inquiry_yield(struct inquiry *inquiry, const struct address *address,
		   const uint8_t mac[ETH_ALEN])
{
	struct target *target = (struct target *)desired_find(inquiry->desired, address);
	uint64_t now_ns = clock_boot_ns();

	if (!target)
		return true;
	if (must_be_seen_again(target, now_ns)) {
		target->contested_ns = now_ns;
		return false;
	}
	pause_target(target, mac);
	target->yielded = true;
	target->yielded_ns = now_ns;
	target->contested_ns = 0;
	say(inquiry, target, "given up, and left to it");
	inquiry->callbacks.changed(inquiry->userdata);
	return true;
}

bool inquiry_due(const struct inquiry *inquiry)
{
	/* a claim of another node may have come, or the pause be over */
	return inquiry->taken;
}

uint64_t inquiry_sent(const struct inquiry *inquiry)
{
	return prober_sent(inquiry->prober);
}

static void taken(const struct address *address, const uint8_t mac[ETH_ALEN], void *userdata)
{
	struct inquiry *inquiry = userdata;
	struct target *target = (struct target *)desired_find(inquiry->desired, address);

	/* a node of ours may have been faster: then it is the one that answers */
	if (!target || target->asked != ASKED_NOW || group(inquiry, target) == GROUP_NOW)
		return;
	pause_target(target, mac);
	target->yielded = false;
	say(inquiry, target, "not claimed, and left to it");
}

static void done(void *userdata)
{
	struct inquiry *inquiry = userdata;

	for (size_t i = 0; i < inquiry->desired->count; i++)
		if (inquiry->desired->list[i].asked == ASKED_NOW)
			inquiry->desired->list[i].asked = ASKED_FREE;
	if (inquiry->said > SAY_MAX)
		inquiry->callbacks.log(LOG_WARNING, "and others like it", inquiry->userdata);
	inquiry->callbacks.changed(inquiry->userdata);
}

static void passed_on(int priority, const char *text, void *userdata)
{
	struct inquiry *inquiry = userdata;

	inquiry->callbacks.log(priority, text, inquiry->userdata);
}

int inquiry_new(sd_event *event, const struct links *links,
		const struct inquiry_callbacks *callbacks, void *userdata,
		struct inquiry **ret_inquiry, struct err *err)
{
	static const struct prober_callbacks own = { taken, done, passed_on };
	struct inquiry *inquiry = xcalloc(1, sizeof(*inquiry));
	int r;

	inquiry->callbacks = *callbacks;
	inquiry->userdata = userdata;
	r = prober_new(event, links, &own, inquiry, &inquiry->prober, err);
	if (!r) {
		r = sd_event_add_time(event, &inquiry->pause, CLOCK_BOOTTIME, UINT64_MAX, 1000,
				      pause_over, inquiry);
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
	sd_event_source_disable_unref(inquiry->pause);
	prober_free(inquiry->prober);
	free(inquiry);
}
