/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaches a tc program to an interface's clsact ingress that makes the kernel accept frames for
 * virtual MACs (deliver.bpf.c). The interface's filter lets such frames in, but the kernel would
 * drop them as addressed to another host.
 */
#ifndef XDP_L2RESP_DELIVER_H
#define XDP_L2RESP_DELIVER_H

#include "err.h"
#include "link.h"
#include "mac_list.h"
#include "pins.h"

/*
 * Attaches the program to @link if one of the MACs in its filter @now is virtual; else detaches it
 * if one was @before. Needs CAP_NET_ADMIN and CAP_BPF. Returns 0 or a negative errno with @err.
 */
int deliver_sync(const struct pins *pins, const struct link *link, const struct mac_list *now,
		 const struct mac_list *before, struct err *err);

#endif
