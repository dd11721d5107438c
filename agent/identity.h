/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent remembers over its own restart, but not over the machine's: it is pinned in the
 * BPF file system. */
#ifndef XDP_L2RESPD_IDENTITY_H
#define XDP_L2RESPD_IDENTITY_H

#include <stdbool.h>

#include "err.h"
#include "lease.h"

struct identity {
	char id[LEASE_ID_DIGITS + 1]; /* random: tells this agent from another of the same name */
	bool drained;		      /* told to stay drained */
	int fd;
};

/* Opens <bpffs>/xdp-l2respd, made on the first start. */
int identity_open(const char *bpffs, struct identity *ret_identity, struct err *err);
void identity_close(struct identity *identity);

int identity_set_drained(struct identity *identity, bool drained, struct err *err);

#endif
