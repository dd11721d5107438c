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

/* The abstract socket's name: one agent in a network namespace, and no file to be left behind. */
#define SERVER_SOCKET "xdp-l2respd"

struct server;

/* -EADDRINUSE with @err: another agent runs in this network namespace, or something has the port.
 */
int server_new(sd_event *event, struct agent *agent, struct server **ret_server, struct err *err);
void server_free(struct server *server);

#endif
