/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program on the interfaces that policies select: on the parent, for a VLAN device. libxdp and
 * what is ours are asked for by program id, which takes CAP_SYS_ADMIN: the helper does it. @pins
 * must be locked, by whoever waits for the result.
 */
#ifndef XDP_L2RESPD_HOOK_H
#define XDP_L2RESPD_HOOK_H

#include "attach.h"
#include "err.h"
#include "link.h"
#include "pins.h"

/* Is our program there for @link, reading the pinned maps? 1; 0: it can be put there; a negative
 * errno with @err. */
int hook_check(const struct pins *pins, const struct link *link,
	       const struct attach_options *options, struct err *err);

/* Puts it there. The interfaces must be recorded (device.h). */
int hook_attach(const struct pins *pins, const struct link *link,
		const struct attach_options *options, struct err *err);

#endif
