// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/bpf.h>

#include "maps.h"

static const char *const map_names[MAPS_COUNT] = {
	[MAPS_META] = "meta",
	[MAPS_DEVICES] = "devices",
	[MAPS_LEASES] = "leases",
	[MAPS_COUNTERS] = "counters",
	[MAPS_CONFLICTS] = "conflicts",
	[MAPS_VLANS] = "vlans",
	[MAPS_EVENTS] = "events",
	[MAPS_TRACE] = "trace",
	[MAPS_TRACE_CONTROL] = ".data.trace", /* libbpf names a section's map after it */
	[MAPS_FILTERS] = "filters",
	[MAPS_RESPONDER_V4] = "responder_v4",
	[MAPS_RESPONDER_V6] = "responder_v6",
};

const char *maps_name(enum maps_index map)
{
	return map_names[map];
}

uint32_t maps_id_of(int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

uint32_t maps_id(const struct maps *maps, enum maps_index map)
{
	return maps_id_of(maps->fd[map]);
}
