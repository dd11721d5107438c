// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "attach_state.h"
#include "device_table.h"
#include "lift.h"

/* VLAN devices whose hook is empty for the moment, and the programs that were in there: the same
 * ones return, so that nothing is verified again, and libxdp's pins stay right. */
struct lifted {
	unsigned int count;
	struct {
		unsigned int ifindex;
		char name[IFNAMSIZ];
		int fd;
	} list[L2RESP_MAX_DEVICES];
};

static int lift_one(const struct pins *pins, const struct device_row *row, struct lifted *lifted,
		    struct err *err)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	struct attach_state state;
	int r = attach_query(pins_maps(pins), row->ifindex, &state, err);

	if (r < 0)
		return link_is_gone(row->ifindex) ? 0 : r;
	/* a firewall beside ours isn't taken away: the kernel refuses what is asked for */
	if (attach_find(&state, false) < 0 || attach_count(&state) != state.count)
		return 0;
	opts.old_prog_fd = bpf_prog_get_fd_by_id(row->link.xdp_id);
	r = opts.old_prog_fd < 0
		    ? negative_errno()
		    : bpf_xdp_detach(row->ifindex, XDP_FLAGS_SKB_MODE | XDP_FLAGS_REPLACE, &opts);
	if (!r) {
		lifted->list[lifted->count].ifindex = row->ifindex;
		memcpy(lifted->list[lifted->count].name, row->name, IFNAMSIZ);
		lifted->list[lifted->count++].fd = opts.old_prog_fd;
		return 0;
	}
	if (opts.old_prog_fd >= 0)
		close(opts.old_prog_fd);
	return link_is_gone(row->ifindex)
		       ? 0
		       : err_set(err, r, "detaching from %s: %s", row->name, strerror(-r));
}

static int lift(const struct pins *pins, const struct link *link, struct lifted *lifted,
		struct err *err)
{
	struct device_table devices;
	int r;

	lifted->count = 0;
	if (!pins || pins->maps.fd[MAPS_DEVICES] < 0)
		return 0;
	r = device_read_all(pins, &devices, err);
	for (unsigned int i = 0; i < devices.count && !r; i++) {
		const struct device_row *row = &devices.rows[i];

		if (!row->gone && row->link.xdp_id && link_is_vlan(&row->link) &&
		    row->link.parent_nsid < 0 && row->link.parent == link->ifindex)
			r = lift_one(pins, row, lifted, err);
	}
	return r;
}

/* Attaches the programs again. Returns @r or, if that is 0, the first error; @err names all that
 * failed. */
static int lower(const struct lifted *lifted, int r, struct err *err)
{
	struct err first;

	for (unsigned int i = 0; i < lifted->count; i++) {
		const unsigned int ifindex = lifted->list[i].ifindex;
		int failed = bpf_xdp_attach(ifindex, lifted->list[i].fd,
					    XDP_FLAGS_SKB_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);

		close(lifted->list[i].fd);
		if (!failed || link_is_gone(ifindex))
			continue;
		first = *err;
		r = err_set(err, r ?: failed, "%s%s%s has lost its program: %s",
			    r ? first.text : "", r ? "; " : "", lifted->list[i].name,
			    strerror(-failed));
	}
	return r;
}

int lift_attach(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		const struct attach_options *options, struct attach_outcome *ret_outcome,
		struct err *err)
{
	struct lifted lifted = {};
	int r = options->dry_run ? 0 : lift(pins, link, &lifted, err), attached;
	struct err ignored;

	if (!r)
		r = attach_link(pins_maps(pins), link, counters_slot, options, ret_outcome, err);
	attached = !r;
	r = lower(&lifted, r, err);
	if (r < 0 && attached && ret_outcome->result == ATTACH_NEW)
		lift_remove(pins, link, &ignored);
	return r;
}

int lift_remove(const struct pins *pins, const struct link *link, struct err *err)
{
	struct lifted lifted;
	int r = lift(pins, link, &lifted, err);

	if (!r)
		r = attach_remove(pins_maps(pins), link, err);
	return lower(&lifted, r, err);
}
