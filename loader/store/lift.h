/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaches to an interface, or detaches from it, where VLAN devices on it have the program
 * themselves. While they have, the kernel changes nothing on the interface ("Cannot attach when an
 * upper device already has a program", dev_xdp_attach()). So they are detached for that moment, in
 * which their addresses don't answer. If another program runs beside ours there, nothing is
 * detached, and the kernel refuses.
 */
#ifndef XDP_L2RESP_LIFT_H
#define XDP_L2RESP_LIFT_H

#include "attach.h"
#include "pins.h"

/* As attach_link(). An error also if a VLAN device doesn't get the program back: then it has none.
 */
int lift_attach(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		const struct attach_options *options, struct attach_outcome *ret_outcome,
		struct err *err);

/* As attach_remove(). @pins may be NULL, or incomplete. */
int lift_remove(const struct pins *pins, const struct link *link, struct err *err);

#endif
