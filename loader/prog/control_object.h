/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The built-in BPF object of control.bpf.c: the maps' definitions, and the programs that change
 * entries in place. */
#ifndef XDP_L2RESP_CONTROL_OBJECT_H
#define XDP_L2RESP_CONTROL_OBJECT_H

#include "err.h"
#include "skeletons.h"

/* Opens the object without loading it. Returns 0 or a negative errno with @err. */
int control_open(struct control_bpf **ret_control, struct err *err);

/* For _cleanup_(). */
void control_close(struct control_bpf **control);

#endif
