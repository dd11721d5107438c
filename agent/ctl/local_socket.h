/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Unix socket on which the agent of a network namespace takes commands, and by which there is
 * one such agent. It is a file where only root can make one: anybody may bind an abstract name.
 */
#ifndef XDP_L2RESPD_LOCAL_SOCKET_H
#define XDP_L2RESPD_LOCAL_SOCKET_H

#include "err.h"

/* A socket that listens at agent_socket_address(), which the caller closes; what an agent that is
 * gone left there goes. -EADDRINUSE with @err: another agent runs. */
int local_socket_claim(int *ret_fd, struct err *err);

/* Removes the file of the caller's claim, whose socket must still be open. */
void local_socket_remove(void);

#endif
