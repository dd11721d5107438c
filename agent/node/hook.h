/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program on the interfaces that policies select; for a VLAN device, on its parent, unless that
 * hides tags (vlan_path.hook). Runs in the helper, since libxdp looks programs up by id, which
 * needs CAP_SYS_ADMIN. @pins must be locked, also by a process that waits for the result.
 */
#ifndef XDP_L2RESPD_HOOK_H
#define XDP_L2RESPD_HOOK_H

#include "attach.h"
#include "err.h"
#include "link.h"
#include "pins.h"

/* Is our program attached for @link, with the pinned maps? 1: yes; 0: it can be attached; a
 * negative errno with @err: it can't. */
int hook_check(const struct pins *pins, const struct link *link,
	       const struct attach_options *options, struct err *err);

/* Attaches the program. The interfaces must be recorded (device.h). */
int hook_attach(const struct pins *pins, const struct link *link,
		const struct attach_options *options, struct err *err);

#endif
