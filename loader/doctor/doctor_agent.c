// SPDX-License-Identifier: GPL-2.0-or-later
/* Asks the agent for its readiness: an address that it doesn't claim isn't in the maps. */
#include <errno.h>

#include "agent_socket.h"
#include "doctor_check.h"

int doctor_check_agent_unready(struct doctor *doctor, struct err *err)
{
	struct err why;
	int r = agent_socket_ready(&why), found;

	if (r == 1 || r == -ENOENT)
		return 0;
	found = doctor_find(doctor, NULL, NULL, "xdp-l2respd isn't ready: %s", why.text);
	if (!found && r == -ETIMEDOUT)
		doctor_remedy(doctor, "it hangs, and so would `xdp-l2respd show`: run `systemctl "
				      "restart xdp-l2respd`, or delete its pod");
	return found;
}
