// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <linux/membarrier.h>

#include "attach.h"
#include "attach_state.h"
#include "cleanup.h"
#include "device.h"
#include "entry.h"
#include "grow.h"

int grow_finish(const struct pins *pins, struct err *err)
{
	struct device_table devices;
	int r = device_read_all(pins, &devices, err);

	for (unsigned int i = 0; i < devices.count && !r; i++) {
		struct attach_options options = { .mode = ATTACH_MODE_AUTO };
		struct attach_outcome outcome;
		struct attach_state state;
		struct link link;
		int ours;

		if (devices.rows[i].gone)
			continue;
		r = attach_query(pins, devices.rows[i].ifindex, &state, err);
		ours = r < 0 ? -1 : attach_find(&state, false);
		if (ours < 0 || attach_is_current(&state))
			continue;
		options.priority = state.prog[ours].priority;
		r = link_by_ifindex(devices.rows[i].ifindex, &link, err);
		if (!r)
			r = attach_link(pins, &link, devices.rows[i].counters_slot, &options,
					&outcome, err);
	}
	return r;
}

/* What was answered from the old map after @copied was read from it. */
static int add_late_answers(const struct pins *pins, int old_fd, const struct entry_table *copied,
			    struct err *err)
{
	struct pins old = *pins;
	_cleanup_(entry_table_free) struct entry_table now = {};
	int r;

	/* an RCU grace period: no CPU runs the old program any more */
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		usleep(100000); /* nohz_full kernels refuse it; no NAPI poll is that long */
	old.fd[PINS_RESPONDER_V4] = old_fd;
	r = entry_read_all(&old, 0, &now, err);
	return r < 0 ? r : entry_add_answers(pins, copied, &now, err);
}

int grow_responder(struct pins *pins, uint32_t max_entries, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table copied = {};
	_cleanup_close_ int new_fd = -1;
	uint32_t old_max_entries = pins->max_entries;
	int old_fd = pins->fd[PINS_RESPONDER_V4];
	struct err ignored;
	int r;

	new_fd = pins_create_responder(max_entries, err);
	if (new_fd < 0)
		return new_fd;
	r = entry_read_all(pins, 0, &copied, err);
	if (!r)
		r = entry_write_rows(new_fd, &copied, err);
	if (!r)
		r = pins_replace_responder(pins, new_fd, max_entries, err);
	if (r < 0)
		return r;
	r = grow_finish(pins, err);
	if (!r)
		r = add_late_answers(pins, old_fd, &copied, err);
	if (r < 0) {
		pins_replace_responder(pins, old_fd, old_max_entries, &ignored);
		grow_finish(pins, &ignored);
		add_late_answers(pins, new_fd, &copied, &ignored);
		/* whichever the pins hold now is theirs to close, the other one goes here */
		if (pins->fd[PINS_RESPONDER_V4] == new_fd)
			new_fd = old_fd;
		return r;
	}
	/* the pins own the new one now; the old one is closed here */
	new_fd = old_fd;
	return r;
}
