/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the agent tells: /metrics, /healthz and /readyz on a loopback port for anybody, and those
 * and its commands on a Unix socket for root.
 */
#ifndef XDP_L2RESPD_SERVER_H
#define XDP_L2RESPD_SERVER_H

#include <systemd/sd-event.h>

#include "agent.h"
#include "err.h"

struct server;

/* Commands come in on *@local_fd, which is -1 as soon as the server has it. A port that something
 * else has is tried again. */
int server_new(sd_event *event, struct agent *agent, int *local_fd, struct server **ret_server,
	       struct err *err);
void server_free(struct server *server);

#endif
