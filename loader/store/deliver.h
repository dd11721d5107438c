/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has the kernel take frames for virtual MACs as its own (deliver.bpf.c): a program on the ingress
 * of an interface, by its clsact qdisc. An interface's filter only lets such frames in.
 */
#ifndef XDP_L2RESP_DELIVER_H
#define XDP_L2RESP_DELIVER_H

#include "err.h"
#include "link.h"
#include "mac_list.h"
#include "pins.h"

/*
 * Puts the program on @link if one of the MACs in its filter @now is virtual, and takes it off if
 * that was so @before. Needs CAP_NET_ADMIN and CAP_BPF. Errors of the system with @err.
 */
int deliver_sync(const struct pins *pins, const struct link *link, const struct mac_list *now,
		 const struct mac_list *before, struct err *err);

#endif
