/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the agent of a network namespace listens, on a Unix socket that root alone can reach, and
 * whether it is content. */
#ifndef XDP_L2RESP_AGENT_SOCKET_H
#define XDP_L2RESP_AGENT_SOCKET_H

#include <sys/un.h>

#include "err.h"

#define AGENT_SOCKET_DIRECTORY "/run/xdp-l2respd"

/* The socket of the caller's network namespace. */
int agent_socket_address(struct sockaddr_un *ret_address, struct err *err);

/*
 * Connects to the agent's socket. Returns the descriptor, -ENOENT without a message where no agent
 * listens, -ETIMEDOUT with @err where it hangs and others wait already, or another error with @err.
 */
int agent_socket_connect(struct err *err);

/* What the agent answers at @path: *ret_body, which the caller frees, and its HTTP status.
 * agent_socket_connect()'s errors; -ETIMEDOUT: it hangs. */
int agent_socket_get(const char *path, unsigned int *ret_status, char **ret_body, struct err *err);

/* Asks the agent for its readiness: 1, or 0 with the reason in @ret_why. -ENOENT: no agent runs;
 * -ETIMEDOUT: it hangs. */
int agent_socket_ready(struct err *ret_why);

#endif
