// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <bpf/bpf.h>

#include "attach_moved.h"
#include "attach_state.h"
#include "prog.h"

/* True if program @id is ours, for interface @ifindex of these pins. */
static bool is_for(uint32_t id, const struct maps *maps, uint32_t ifindex)
{
	uint32_t loaded_for;

	return prog_id_uses_map(id, maps_id(maps, MAPS_COUNTERS)) > 0 &&
	       !prog_attached_ifindex(id, &loaded_for) && loaded_for == ifindex;
}

struct attach_moved attach_find_moved(const struct maps *maps, uint32_t ifindex)
{
	struct attach_moved moved = {};
	uint32_t id = 0;

	if (!maps || maps->fd[MAPS_COUNTERS] < 0)
		return moved;
	while (!*moved.link.name) {
		uint32_t at_hook;

		if (bpf_prog_get_next_id(id, &id) < 0) {
			moved.unknown = !moved.found && errno != ENOENT;
			break;
		}
		if (!is_for(id, maps, ifindex))
			continue;
		if (attach_reads_others(maps, id) > 0) {
			moved.stale = !moved.found;
			moved.prog_id = moved.found ? moved.prog_id : id;
			continue;
		}
		at_hook = prog_at_hook(id);
		/* in a dispatcher, libxdp's pins keep it loaded when the interface is deleted; else
		 * it is attached somewhere: perhaps the interface was moved on from there */
		if (link_by_xdp(at_hook, &moved.link, &moved.nsid) || at_hook == id) {
			moved.found = true;
			moved.stale = false;
			moved.prog_id = id;
		}
	}
	return moved;
}

bool attach_moved_answers(const struct attach_moved *moved)
{
	return moved->found && (!*moved->link.name || link_is_up(&moved->link));
}

void attach_moved_text(const struct attach_moved *moved, char text[ATTACH_MOVED_TEXT_SIZE])
{
	const size_t size = ATTACH_MOVED_TEXT_SIZE;

	if (*moved->link.name && moved->nsid < 0)
		snprintf(text, size, "came back with another number, as %s", moved->link.name);
	else if (*moved->link.name)
		snprintf(text, size,
			 "was moved to another network namespace, where it is %s (nsid %d in `ip "
			 "netns list-id`)",
			 moved->link.name, moved->nsid);
	else
		snprintf(text, size, "was moved to another network namespace");
}
