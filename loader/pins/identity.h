/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The identity of this host's agent. It is pinned in the BPF file system, so it survives a restart
 * of the agent, but not a reboot, and the CLI can read it.
 */
#ifndef XDP_L2RESP_IDENTITY_H
#define XDP_L2RESP_IDENTITY_H

#include <stdbool.h>

#include "err.h"

/* Longest node name: a DNS subdomain (RFC 1123), as in Kubernetes. */
#define IDENTITY_NODE_MAX  253
#define IDENTITY_ID_DIGITS 32

struct identity {
	char id[IDENTITY_ID_DIGITS + 1]; /* random: differs from another agent's of the same name */
	bool drained;			 /* stays drained until the user ends the drain */
	int fd;
};

/* Opens <bpffs>/xdp-l2respd, creates it on the first start, and stores @node as the agent's name.
 */
int identity_open(const char *bpffs, const char *node, struct identity *ret_identity,
		  struct err *err);
void identity_close(struct identity *identity);

/* Reads the stored name of this host's agent; empty: none ever ran. */
void identity_read_node(const char *bpffs, char ret_node[IDENTITY_NODE_MAX + 1]);

/* Pins @identity again below @bpffs if the pin was removed. Returns 1 if it did, 0 if the pin
 * exists or can't be made. */
int identity_restore(const char *bpffs, const struct identity *identity);

int identity_set_drained(struct identity *identity, bool drained, struct err *err);

#endif
