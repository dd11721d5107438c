// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of interfaces, and of the program on them. */
#include <stdio.h>
#include <string.h>
#include <net/if.h>
#include <bpf/bpf.h>

#include "attach.h"
#include "dispatcher.h"
#include "doctor_check.h"
#include "filter.h"
#include "offload.h"
#include "vlan.h"
#include "xdp_features.h"

/* True if our program is at the hook and its pins aren't gone. */
static bool program_runs(const struct doctor_device *device)
{
	return device->ours >= 0 && device->state.prog[device->ours].ours;
}

static int find_moved(struct doctor *doctor, const struct doctor_device *device)
{
	const char *now = device->moved.link.name;
	char text[ATTACH_MOVED_TEXT_SIZE];

	attach_moved_text(&device->moved, text);
	doctor_find(doctor, device, NULL,
		    "%s%s %s, and its program is still on it, with %zu address%s",
		    device->gone ? "" : "the parent of ", device->link.name, text,
		    device->row_count, doctor_plural(device->row_count));
	if (*now && device->moved.nsid < 0)
		doctor_remedy(doctor, "run `xdp-l2resp attach %s`", now);
	else
		doctor_remedy(
			doctor,
			"run `xdp-l2resp flush dev %s` here, or `xdp-l2resp detach%s%s` there",
			device->link.name, *now ? " " : "", now);
	return 0;
}

int doctor_check_interface_gone(struct doctor *doctor, const struct doctor_device *device,
				struct err *err)
{
	struct err ignored;
	struct link link;

	if (!device->row_count)
		return 0;
	if (device->moved.found)
		return find_moved(doctor, device);
	if (!device->gone)
		return 0;
	if (!link_by_name(device->link.name, &link, &ignored)) {
		doctor_find(
			doctor, device, NULL,
			"%s was created again, and %zu address%s of the former one %s unanswered",
			device->link.name, device->row_count, doctor_plural(device->row_count),
			device->row_count == 1 ? "is" : "are");
		doctor_remedy(doctor,
			      "run `xdp-l2resp attach %s` (of a VLAN device, on its parent)",
			      device->link.name);
		return 0;
	}
	return doctor_find(doctor, device, NULL, "no interface %s, and %zu address%s on it",
			   device->link.name, device->row_count, doctor_plural(device->row_count));
}

int doctor_check_link_down(struct doctor *doctor, const struct doctor_device *device,
			   struct err *err)
{
	bool up = device->link.flags & IFF_UP;

	if (device->gone || (up && device->link.flags & IFF_RUNNING))
		return 0;
	if (strcmp(device->hook, device->link.name) != 0 && device->has_program &&
	    device->hook_up && device->row_count) {
		doctor_find(doctor, device, NULL,
			    "%s is down, but the program on %s answers for its addresses",
			    device->link.name, device->hook);
		doctor_remedy(doctor,
			      "run `ip link set %s up`, or `xdp-l2resp flush dev %s` if another "
			      "host shall answer",
			      device->link.name, device->link.name);
		return 0;
	}
	return doctor_find(doctor, device, NULL, "%s %s", device->link.name,
			   up ? "has no carrier" : "is down");
}

int doctor_check_not_attached(struct doctor *doctor, const struct doctor_device *device,
			      struct err *err)
{
	bool vlan = strcmp(device->hook, device->link.name) != 0;
	int r;

	if (device->gone || !device->row_count || device->has_program)
		return 0;
	r = doctor_find(doctor, device, NULL,
			"the program isn't on %s, and %zu address%s on %s unanswered", device->hook,
			device->row_count, device->row_count == 1 ? " is" : "es are",
			vlan ? device->link.name : "it");
	if (!r)
		doctor_remedy_refused(doctor, device);
	return r;
}

static int find_came_moved(struct doctor *doctor, const struct doctor_device *device)
{
	const char *name = device->link.name;

	doctor_find(
		doctor, device, NULL,
		"%s came from another network namespace with our program, which answers for the "
		"addresses there",
		name);
	doctor_remedy(doctor, "run `xdp-l2resp detach %s`, or `xdp-l2resp attach %s`", name, name);
	return 0;
}

int doctor_check_program_stale(struct doctor *doctor, const struct doctor_device *device,
			       struct err *err)
{
	const char *name = device->link.name;

	if (device->state.came_moved)
		return find_came_moved(doctor, device);
	if (device->state.empty_id)
		return doctor_find(doctor, device, NULL,
				   "%s has a dispatcher in which no program is left", name);
	if (device->ours < 0)
		return 0;
	if (device->state.prog[device->ours].orphan == ATTACH_CAME_MOVED)
		return find_came_moved(doctor, device);
	if (device->state.prog[device->ours].orphan)
		return doctor_find(doctor, device, NULL,
				   "%s has our program on maps whose pins are gone", name);
	if (device->state.prog[device->ours].stale)
		return doctor_find(doctor, device, NULL, "%s has our program, which %s", name,
				   device->state.prog[device->ours].stale);
	return 0;
}

int doctor_check_programs_left(struct doctor *doctor, const struct doctor_device *device,
			       struct err *err)
{
	unsigned int count = attach_count(&device->state);

	if (count < 2)
		return 0;
	return doctor_find(doctor, device, NULL, "%u of our programs run on %s", count,
			   device->link.name);
}

/* BPF_TCX_INGRESS of <linux/bpf.h>, from Linux 6.6 on. */
#define TCX_INGRESS 46

/* The program that accepts frames to virtual MACs (deliver.h) is a classifier, and tcx programs run
 * before all of them: where one returns TCX_PASS, no classifier runs (sch_handle_ingress()). */
int doctor_check_tcx_before(struct doctor *doctor, const struct doctor_device *device,
			    struct err *err)
{
	LIBBPF_OPTS(bpf_prog_query_opts, query);
	bool is_virtual = false;

	for (size_t i = 0; i < device->row_count && !is_virtual; i++)
		is_virtual = entry_mac_virtual(&device->rows[i]);
	if (device->gone || !is_virtual ||
	    bpf_prog_query_opts((int)device->link.ifindex, TCX_INGRESS, &query) < 0 ||
	    !query.prog_cnt)
		return 0;
	return doctor_find(doctor, device, NULL,
			   "%u tcx program%s at the ingress of %s, before ours that accepts frames "
			   "to virtual MACs",
			   query.prog_cnt, query.prog_cnt == 1 ? "" : "s", device->link.name);
}

int doctor_check_skb_mode(struct doctor *doctor, const struct doctor_device *device,
			  struct err *err)
{
	bool native = false;

	if (!program_runs(device) || device->state.mode != XDP_MODE_SKB ||
	    attach_no_native_reason(&device->link))
		return 0;
	/* an old kernel doesn't tell whether the driver has native XDP: no finding */
	if (xdp_features_native(device->link.ifindex, &native) < 0 || !native)
		return 0;
	return doctor_find(doctor, device, NULL,
			   "%s runs in skb mode, which is slower, and its driver has native XDP",
			   device->link.name);
}

int doctor_check_alone(struct doctor *doctor, const struct doctor_device *device, struct err *err)
{
	char reason[128];

	if (!program_runs(device) || device->state.chain || !dispatcher_is_possible())
		return 0;
	dispatcher_alone_reason(reason, sizeof(reason));
	return doctor_find(doctor, device, NULL, "the program is alone on %s: %s",
			   device->link.name, reason);
}

int doctor_check_program_before(struct doctor *doctor, const struct doctor_device *device,
				struct err *err)
{
	int r = 0;

	if (!program_runs(device))
		return 0;
	for (int i = 0; i < device->ours && !r; i++)
		r = doctor_find(doctor, device, NULL,
				"%s (id %u, priority %u) runs before ours on %s",
				device->state.prog[i].name, device->state.prog[i].id,
				device->state.prog[i].priority, device->link.name);
	return r;
}

int doctor_check_veth_peer(struct doctor *doctor, const struct doctor_device *device,
			   struct err *err)
{
	struct link peer;

	if (!program_runs(device) || device->state.mode != XDP_MODE_NATIVE ||
	    !link_veth_deaf(&device->link, &peer))
		return 0;
	return doctor_find(doctor, device, NULL,
			   "%s, the veth peer of %s, has no XDP program, and so takes no answers",
			   peer.name, device->link.name);
}

int doctor_check_lag_port(struct doctor *doctor, const struct doctor_device *device,
			  struct err *err)
{
	struct link master;

	if ((!program_runs(device) && !device->row_count) ||
	    !link_lag_master(&device->link, &master))
		return 0;
	return doctor_find(doctor, device, NULL,
			   "%s is a port of %s, and requests may come in on another port",
			   device->link.name, master.name);
}

int doctor_check_group_left(struct doctor *doctor, const struct doctor_device *device,
			    struct err *err)
{
	size_t count;
	int r;

	if (device->gone || !device->row_count || !doctor_has(doctor, MAPS_FILTERS))
		return 0;
	r = filter_count_left(doctor->pins, &device->link, &count, err);
	if (r < 0 || !count)
		return r;
	return doctor_find(doctor, device, NULL,
			   "%s has left %zu solicited-node group%s of its addresses",
			   device->link.name, count, count == 1 ? "" : "s");
}

int doctor_check_tags_taken(struct doctor *doctor, const struct doctor_device *device,
			    struct err *err)
{
	static const uint16_t protocols[] = { ETH_P_8021Q, ETH_P_8021AD };
	char command[64];
	int r = 0;

	if (!program_runs(device) || !doctor_has(doctor, MAPS_VLANS) ||
	    link_hides_tags(&device->link))
		return 0;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]) && r >= 0; i++) {
		r = vlan_uses(doctor->pins, device->link.ifindex, protocols[i], err);
		if (r <= 0 || offload_tags(&device->link, protocols[i], command, sizeof(command)) !=
				      OFFLOAD_TAGS_TAKEN)
			continue;
		r = doctor_find(doctor, device, NULL,
				"%s tags are taken off before the program on %s sees the frames",
				protocols[i] == ETH_P_8021Q ? "802.1Q" : "802.1ad",
				device->link.name);
		if (!r)
			doctor_remedy(doctor, "run `%s`", command);
	}
	return r < 0 ? r : 0;
}
