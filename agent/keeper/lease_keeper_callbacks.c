// SPDX-License-Identifier: GPL-2.0-or-later
/* What the lease machine has done in the data path. */
#include <errno.h>

#include "lease_keeper_state.h"

static void on_gained(const struct address *address, uint8_t slot, void *userdata)
{
	struct keeper *keeper = userdata;
	struct kept *kept = kept_get(keeper, address);
	char ip[INET6_ADDRSTRLEN];

	log_limited(&keeper->limits[KEEPER_LOG_GAINED], LOG_INFO, "%s: held",
		    address_format(address, ip));
	/* what is there by now is for the map to say: mostly what was there before a reload */
	for (size_t i = 0; i < kept->place_count; i++)
		kept->places[i].unchecked = true;
	kept->slot = slot;
	keeper_write_later(keeper, kept);
	keeper_notify_later(keeper, kept);
}

/* A node that is asked to part with what it holds may have its own reasons for that. */
static enum reason reason_of(const struct kept *kept, enum lease_loss loss)
{
	static const enum reason reasons[LEASE_LOSS_COUNT] = {
		[LEASE_LOSS_UNWANTED] = REASON_LEFT_OVER,
		[LEASE_LOSS_DRAIN] = REASON_DRAINED,
		[LEASE_LOSS_STOP] = REASON_STOPPED,
		[LEASE_LOSS_MOVED] = REASON_MOVED,
		[LEASE_LOSS_SESSION] = REASON_SESSION_ENDED,
		[LEASE_LOSS_TAKEN] = REASON_CLAIM_CHANGED,
		[LEASE_LOSS_OWNED] = REASON_NODE_ADDRESS,
	};

	return loss == LEASE_LOSS_UNWANTED && kept->why ? kept->why : reasons[loss];
}

static int on_lost(const struct address *address, enum lease_loss loss, void *userdata)
{
	struct keeper *keeper = userdata;
	struct kept *kept = kept_get(keeper, address);
	char ip[INET6_ADDRSTRLEN];
	enum reason why;
	int r = 0;

	if (!kept->clean)
		r = keeper_remove_all(keeper, kept);
	if (r == -EAGAIN)
		r = keeper_remove_all(keeper, kept);
	if (r < 0)
		return r;
	kept->clean = true;
	kept->slot = 0;
	why = reason_of(kept, loss);
	log_limited(&keeper->limits[KEEPER_LOG_LOST], LOG_INFO, "%s: given up: %s: %s",
		    address_format(address, ip), reason_name(why), reason_sentence(why));
	keeper_notify_later(keeper, kept);
	return 0;
}

static bool is_held(const struct address *address, uint8_t slot, void *userdata)
{
	const struct keeper *keeper = userdata;

	return lease_machine_holds(keeper->machine, address) == slot;
}

/* All entries of @kept's address are gone but those in the slot that its claim is held in. */
static void purged(struct keeper *keeper, struct kept *kept)
{
	uint8_t held = lease_machine_holds(keeper->machine, &kept->address);

	if (held && held == kept->slot)
		return;
	/* one that outlived a restart may have entries, though it wasn't gained yet */
	if (!held) {
		kept->slot = 0;
		kept->clean = true;
	}
	for (size_t i = 0; i < kept->place_count; i++) {
		struct kept_place *place = &kept->places[i];

		if (place->state != PLACE_THERE)
			continue;
		place->removed = true;
		kept_place_set(keeper, place, PLACE_ABSENT);
	}
	keeper_notify_later(keeper, kept);
}

static int on_purge(void *userdata)
{
	struct keeper *keeper = userdata;
	struct kept *kept, *next;
	struct err err;
	int r = leased_purge(keeper->leased, is_held, keeper, &err);

	if (r == -EAGAIN) {
		keeper_follow(keeper);
		keeper->events.maps(false, keeper->userdata);
	}
	if (r < 0) {
		log_limited(&keeper->limits[KEEPER_LOG_FAILED], LOG_ERR, "%s", err.text);
		return r;
	}
	HASH_ITER(hh, keeper->kept, kept, next)
	purged(keeper, kept);
	return 0;
}

static int on_present(const struct address *address, void *userdata)
{
	return keeper_present(userdata, address);
}

/* Is the last stamp still there as it was written? */
static void look_for_change(struct keeper *keeper, uint8_t slot)
{
	uint64_t there_ns;
	struct err err;

	if (!keeper->stamped_ns || keeper->stamped_slot != slot ||
	    lease_stamp_read(leased_stamps_fd(keeper->leased), slot, &there_ns, &err) < 0 ||
	    there_ns == keeper->stamped_ns)
		return;
	keeper->figures.drift++;
	log_limited(&keeper->limits[KEEPER_LOG_REPAIRED], LOG_WARNING,
		    "repaired: the stamp of lease slot %u was changed by somebody; written again",
		    slot);
}

static int on_stamp(uint8_t slot, uint64_t deadline_ns, void *userdata)
{
	struct keeper *keeper = userdata;
	struct err err;
	/* where another map took the place of ours and isn't to be used, nobody knows what the
	 * program reads: silence, and no session, is what is safe */
	int r = keeper_follow(keeper);

	if (r < 0)
		return r;
	look_for_change(keeper, slot);
	r = lease_stamp_write(keeper->stamper, slot, deadline_ns, &err);
	keeper->stamped_slot = slot;
	keeper->stamped_ns = r < 0 ? 0 : deadline_ns;
	if (r < 0)
		log_limited(&keeper->limits[KEEPER_LOG_FAILED], LOG_ERR, "%s", err.text);
	return r;
}

static int on_stamped(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata)
{
	struct keeper *keeper = userdata;
	struct err err;
	int r = lease_stamp_read(leased_stamps_fd(keeper->leased), slot, ret_deadline_ns, &err);

	if (r < 0)
		log_limited(&keeper->limits[KEEPER_LOG_FAILED], LOG_ERR, "%s", err.text);
	return r;
}

static void on_changed(const struct address *address, void *userdata)
{
}

static void on_state(enum lease_state state, const char *text, void *userdata)
{
	struct keeper *keeper = userdata;

	log_say(state == LEASE_NAME_TAKEN || state == LEASE_NEWER ? LOG_ERR : LOG_NOTICE,
		"lease: %s: %s", lease_state_names[state], text);
	keeper->events.state(state, keeper->userdata);
}

static void on_owners(void *userdata)
{
	struct keeper *keeper = userdata;

	keeper->events.owners(keeper->userdata);
}

static void on_log(int priority, const char *text, void *userdata)
{
	struct keeper *keeper = userdata;

	log_limited(&keeper->limits[KEEPER_LOG_SAID], priority, "lease: %s", text);
}

const struct lease_callbacks keeper_callbacks = {
	.gained = on_gained,
	.lost = on_lost,
	.purge = on_purge,
	.present = on_present,
	.stamp = on_stamp,
	.stamped = on_stamped,
	.changed = on_changed,
	.state = on_state,
	.owners = on_owners,
	.log = on_log,
};
