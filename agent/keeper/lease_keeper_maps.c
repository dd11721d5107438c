// SPDX-License-Identifier: GPL-2.0-or-later
/* Follows the maps that are pinned, with the program that writes stamps. */
#include "lease_keeper_state.h"

int keeper_expect_stamps(struct keeper *keeper, uint64_t duration_ns, struct err *err)
{
	struct lease_stamper *stamper;
	int r = lease_stamper_new(leased_stamps_fd(keeper->leased), duration_ns, &stamper, err);

	if (r < 0)
		return r;
	lease_stamper_free(keeper->stamper);
	keeper->stamper = stamper;
	keeper->duration_ns = duration_ns;
	return 0;
}

/* The open maps are others than before. */
static void write_anew(struct keeper *keeper)
{
	struct kept *kept, *next;

	keeper->stamped_ns = 0;
	lease_stamper_free(keeper->stamper);
	keeper->stamper = NULL;
	HASH_ITER(hh, keeper->kept, kept, next)
	{
		for (size_t i = 0; i < kept->place_count; i++)
			kept_place_set(keeper, &kept->places[i], PLACE_ABSENT);
		kept->clean = false;
		if (kept->slot)
			keeper_write_later(keeper, kept);
	}
}

int keeper_follow(struct keeper *keeper)
{
	struct err err;
	int r = leased_follow(keeper->leased, &err);

	keeper->notified_full = false;
	if (r > 0)
		write_anew(keeper);
	/* where this failed before, again */
	if (r >= 0 && !keeper->stamper)
		r = keeper_expect_stamps(keeper, keeper->duration_ns, &err);
	if (r < 0)
		log_limited(&keeper->limits[KEEPER_LOG_FAILED], LOG_ERR, "%s", err.text);
	return r < 0 ? r : 0;
}
