/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libxdp's dispatcher, which calls several programs in turn: can it be had here, and if not, why?
 */
#ifndef XDP_L2RESP_DISPATCHER_H
#define XDP_L2RESP_DISPATCHER_H

#include <stdbool.h>
#include <stddef.h>

/* where libxdp keeps its pins, whatever --bpffs says */
#define DISPATCHER_BPFFS "/sys/fs/bpf"
/* its object, and the program in it */
#define DISPATCHER_OBJECT "xdp-dispatcher.o"
#define DISPATCHER_NAME	  "xdp_dispatcher"

/* Whether libxdp finds its dispatcher where it looks: 0 or a negative errno. */
int dispatcher_find(void);

/* Can the kernel load one? */
bool dispatcher_is_possible(void);

/*
 * Why ours is not in a dispatcher, asked of the kernel, the file system and libxdp.
 */
void dispatcher_alone_reason(char *text, size_t size);

/* strerror() that knows libbpf's and libxdp's numbers too. Returns @text. */
const char *dispatcher_error_text(int error, char *text, size_t size);

#endif
