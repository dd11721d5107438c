// SPDX-License-Identifier: GPL-2.0-or-later
#include "device.h"
#include "lift.h"
#include "serve.h"
#include "vlan.h"

/* Nothing was added: removes the records and VLAN rows that were made for the first @done links. */
static void undo_links(const struct pins *pins, const struct link *links,
		       const struct device_recorded *recorded, int done)
{
	bool vlans = false;
	struct err ignored;

	while (done-- > 0) {
		vlans |= link_is_vlan(&links[done]);
		device_undo_record(pins, &links[done], &recorded[done]);
	}
	if (vlans)
		vlan_sync(pins, &ignored);
}

int serve_attach(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		 const struct attach_options *options, filter_note_fn *note,
		 struct attach_outcome *ret_outcome, struct err *err)
{
	/* first: the program never answers with a former MAC, and a running one isn't attached
	 * again if this fails */
	int r = options->dry_run ? 0 : vlan_refresh(pins, link, note, err);

	return r < 0 ? r : lift_attach(pins, link, counters_slot, options, ret_outcome, err);
}

int serve_add(struct pins *pins, const struct link *links, int link_count,
	      struct entry_wanted *wanted, size_t count, responder_progress_fn *progress,
	      filter_note_fn *note, struct entry_added *ret_added, struct err *err)
{
	struct device_recorded recorded[L2RESP_MAX_DEVICES];
	int done = 0, r = 0;

	while (!r && done < link_count) {
		r = device_record(pins, &links[done], note, &recorded[done], err);
		done += !r;
		if (!r)
			r = vlan_add(pins, &links[done - 1], note, err);
	}
	if (!r)
		r = entry_add(pins, wanted, count, progress, ret_added, err);
	if (r < 0) {
		undo_links(pins, links, recorded, done);
		return r;
	}
	if (*ret_added->warning.text)
		note("%s", ret_added->warning.text);
	for (int i = 0; i < done; i++)
		filter_added(pins, &links[i], wanted, count, note);
	return 0;
}

int serve_delete(const struct pins *pins, const struct addr_range *range, uint32_t ifindex,
		 filter_note_fn *note, struct serve_deleted *ret_deleted, struct err *err)
{
	int r = entry_delete(pins, range, ifindex, &ret_deleted->deleted, &ret_deleted->leased,
			     err);

	if (!r)
		r = vlan_deleted(pins, ifindex, err);
	if (r < 0)
		return r;
	/* last, since they depend on the entries that are left, and can only fail with a note */
	if (ifindex)
		filter_deleted(pins, ifindex, note);
	else
		filter_sync_all(pins, note);
	return 0;
}
