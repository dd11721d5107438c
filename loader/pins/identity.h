/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who the agent of this host is. It is pinned in the BPF file system, so the agent remembers it
 * over its own restart, but not over the machine's, and the CLI can name it.
 */
#ifndef XDP_L2RESP_IDENTITY_H
#define XDP_L2RESP_IDENTITY_H

#include <stdbool.h>

#include "err.h"

/* Longest node name: a DNS subdomain's (RFC 1123), as Kubernetes has it. */
#define IDENTITY_NODE_MAX  253
#define IDENTITY_ID_DIGITS 32

struct identity {
	char id[IDENTITY_ID_DIGITS + 1]; /* random: tells this agent from another of that name */
	bool drained;			 /* told to stay drained */
	int fd;
};

/* Opens <bpffs>/xdp-l2respd, made on the first start, and writes down that this is the agent of
 * @node. */
int identity_open(const char *bpffs, const char *node, struct identity *ret_identity,
		  struct err *err);
void identity_close(struct identity *identity);

/* The name that this host's agent has or had; empty where there was none. */
void identity_read_node(const char *bpffs, char ret_node[IDENTITY_NODE_MAX + 1]);

/* Pins it again below @bpffs where somebody removed the pin. 1: that was done; 0: there is one, or
 * none can be. */
int identity_restore(const char *bpffs, const struct identity *identity);

int identity_set_drained(struct identity *identity, bool drained, struct err *err);

#endif
