// SPDX-License-Identifier: GPL-2.0-or-later
/* What the agent knows: an address that it doesn't claim isn't in the maps. */
#include "agent_socket.h"
#include "doctor_check.h"

int doctor_check_agent_unready(struct doctor *doctor, struct err *err)
{
	struct err why;

	return agent_socket_ready(&why) ? 0
					: doctor_find(doctor, NULL, NULL, err,
						      "xdp-l2respd isn't ready: %s", why.text);
}
