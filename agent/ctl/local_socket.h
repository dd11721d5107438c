/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Unix socket on which the agent of a network namespace takes commands. It also ensures that
 * there is only one agent per namespace. It is a file in a directory of root's, since anybody may
 * bind an abstract name.
 */
#ifndef XDP_L2RESPD_LOCAL_SOCKET_H
#define XDP_L2RESPD_LOCAL_SOCKET_H

#include "err.h"

/* Returns a socket that listens at agent_socket_address(); the caller closes it. Removes the file
 * of an agent that has ended. -EADDRINUSE with @err: another agent runs. */
int local_socket_claim(int *ret_fd, struct err *err);

/* Removes the socket's file. The socket must still be open. */
void local_socket_remove(void);

#endif
