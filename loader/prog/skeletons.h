/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BPF objects that are built in, as bpftool generates them. */
#ifndef XDP_L2RESP_SKELETONS_H
#define XDP_L2RESP_SKELETONS_H

#include <stdlib.h>

#include "alloc.h"
#include "l2resp.h" /* types of the objects' constants and maps */

/* libbpf 1.5 doesn't check what calloc() returns in generated code */
#define calloc xcalloc
#include "control.skel.h"
#include "deliver.skel.h"
#include "l2resp.skel.h"
#undef calloc

#endif
