/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP requests to the agent of this network namespace, over a Unix socket that only root can
 * reach. */
#ifndef XDP_L2RESP_AGENT_SOCKET_H
#define XDP_L2RESP_AGENT_SOCKET_H

#include <sys/un.h>

#include "err.h"

#define AGENT_SOCKET_DIRECTORY "/run/xdp-l2respd"

/* Returns the address of the agent's socket in the caller's network namespace. */
int agent_socket_address(struct sockaddr_un *ret_address, struct err *err);

/*
 * Connects to the agent's socket. Returns the descriptor; -ENOENT without a message: no agent
 * listens; -ETIMEDOUT with @err: it hangs and its backlog is full; or another error with @err.
 */
int agent_socket_connect(struct err *err);

/* GETs @path from the agent: its HTTP status and *ret_body, which the caller frees. Errors as
 * agent_socket_connect(); -ETIMEDOUT also if there is no answer in time. */
int agent_socket_get(const char *path, unsigned int *ret_status, char **ret_body, struct err *err);

/* Asks the agent for its readiness: 1, or 0 with the reason in @ret_why. -ENOENT: no agent runs;
 * -ETIMEDOUT: it hangs. */
int agent_socket_ready(struct err *ret_why);

#endif
