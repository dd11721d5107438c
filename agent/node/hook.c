// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <bpf/bpf.h>

#include "attach_state.h"
#include "device.h"
#include "hook.h"
#include "log.h"
#include "serve.h"
#include "vlan.h"

/* Policies select interfaces, which may come and go. */
static struct log_limit attached;

int hook_check(const struct pins *pins, const struct link *link,
	       const struct attach_options *options, struct err *err)
{
	struct attach_state state;
	struct vlan_path path;
	int r = vlan_path_of(link, &path, err);

	log_limit_tick(&attached, LOG_INFO);
	log_tick();
	if (!r)
		r = attach_query(pins_maps(pins), path.hook.ifindex, &state, err);
	if (r < 0)
		return r;
	if (!attach_is_current(&state)) {
		/* the agent, which can't look programs up, records them next */
		r = device_follow(pins, err);
		if (!r)
			r = device_make_way(pins, link, err);
		if (!r)
			r = device_make_way(pins, &path.hook, err);
		if (!r)
			r = attach_check(pins_maps(pins), &path.hook, options, err);
		return r < 0 ? r : vlan_check_parent(pins, &path.hook, log_warn, err);
	}
	return vlan_has_rows(pins, &path);
}

static int attach_hook(const struct pins *pins, const struct link *link,
		       const struct attach_options *options, struct err *err)
{
	struct attach_outcome outcome = {};
	struct attach_state state;
	struct device device;
	int r = attach_query(pins_maps(pins), link->ifindex, &state, err);

	if (r < 0 || attach_is_current(&state))
		return r;
	if (bpf_map_lookup_elem(pins->maps.fd[MAPS_DEVICES], &link->ifindex, &device) < 0)
		return err_set(err, negative_errno(), "%s: not recorded: %s", link->name,
			       strerror(errno));
	r = serve_attach(pins, link, device.counters_slot, options, log_warn, &outcome, err);
	if (!r)
		log_limited(&attached, LOG_INFO, "%s: attached%s%s", link->name,
			    *outcome.skb_reason ? " in skb mode: " : "", outcome.skb_reason);
	return r;
}

int hook_attach(const struct pins *pins, const struct link *link,
		const struct attach_options *options, struct err *err)
{
	struct vlan_path path;
	int r = vlan_path_of(link, &path, err);

	if (!r)
		r = attach_hook(pins, &path.hook, options, err);
	return r < 0 || !path.count ? r : vlan_add(pins, link, log_warn, err);
}
