/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has the kernel take frames for virtual MACs as its own (deliver.bpf.c): a program on the ingress of
 * an interface, by its clsact qdisc. An interface's filter only lets such frames in.
 */
#ifndef XDP_L2RESP_DELIVER_H
#define XDP_L2RESP_DELIVER_H

#include "err.h"
#include "link.h"
#include "pins.h"

/* Puts the program on @link, in place of an earlier one of ours. Needs CAP_NET_ADMIN and CAP_BPF. */
int deliver_attach(const struct pins *pins, const struct link *link, struct err *err);

/* Takes it off, if it is there. The qdisc stays: others may be using it. */
void deliver_detach(const struct link *link);

/* Is a program of ours there? */
bool deliver_is_attached(const struct link *link);

#endif
