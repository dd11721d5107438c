/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serves /metrics, /healthz and /readyz on a loopback port to anybody; on a Unix socket, those and
 * the agent's commands to root.
 */
#ifndef XDP_L2RESPD_SERVER_H
#define XDP_L2RESPD_SERVER_H

#include <systemd/sd-event.h>

#include "agent.h"
#include "err.h"

struct server;

/* Takes commands on *@local_fd, which it takes over and sets to -1. Retries if the port is in use.
 */
int server_new(sd_event *event, struct agent *agent, int *local_fd, struct server **ret_server,
	       struct err *err);
void server_free(struct server *server);

#endif
