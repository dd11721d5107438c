/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks whether libxdp's dispatcher, which calls several programs in turn, can be used here. */
#ifndef XDP_L2RESP_DISPATCHER_H
#define XDP_L2RESP_DISPATCHER_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* where libxdp keeps its pins, whatever --bpffs says */
#define DISPATCHER_BPFFS "/sys/fs/bpf"
/* its object, and the program in it */
#define DISPATCHER_OBJECT "xdp-dispatcher.o"
#define DISPATCHER_NAME	  "xdp_dispatcher"

/* Returns 0 if libxdp finds its dispatcher object, or a negative errno. */
int dispatcher_find(void);

/* Checks that libxdp can change its pins. Otherwise it would attach, or detach, half and say
 * nothing of them. -EROFS with @err; other errors are seen as it works. */
int dispatcher_check_pins(struct err *err);

/* True if a dispatcher can be loaded here. */
bool dispatcher_is_possible(void);

/* Writes why our program is not in a dispatcher. */
void dispatcher_alone_reason(char *text, size_t size);

/* strerror(), also for the error numbers of libbpf and libxdp. Returns @text. */
const char *dispatcher_error_text(int error, char *text, size_t size);

#endif
