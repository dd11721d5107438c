/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads properties of loaded BPF programs by id, which needs CAP_SYS_ADMIN. */
#ifndef XDP_L2RESP_PROG_H
#define XDP_L2RESP_PROG_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/bpf.h>

#include "l2resp.h"

/* The kernel's name of our program. */
#define PROG_NAME "xdp_l2resp"

/* Returns 1 if program @prog_id uses map @map_id; 0 if not, or if the program is gone; or a
 * negative errno if that can't be read, also if @map_id is 0, which maps_id() returns on failure.
 */
int prog_id_uses_map(uint32_t prog_id, uint32_t map_id);

/*
 * Reads where the maps of program @prog_id were pinned when it was attached. -ENOENT: it isn't
 * ours, even if it has our name.
 */
int prog_pins_origin(uint32_t prog_id, struct pins_origin *ret_origin);

/* Reads for which ifindex program @prog_id was loaded. -ENOENT: it isn't ours. */
int prog_attached_ifindex(uint32_t prog_id, uint32_t *ret_ifindex);

/* Reads in which slot of counters program @prog_id counts. -ENOENT: it isn't ours. */
int prog_counters_slot(uint32_t prog_id, uint32_t *ret_slot);

/* Reads the cookie of the network namespace in which program @prog_id was attached. -ENOENT: it
 * isn't ours, or of an older build. */
int prog_netns_cookie(uint32_t prog_id, uint64_t *ret_cookie);

/* Opens the map that program @prog_id uses and that has @name. Returns a descriptor that the caller
 * closes, or a negative errno. */
int prog_map_open(uint32_t prog_id, const char *name);

/* Returns the program that is at the hook when @prog_id runs: the dispatcher that it extends, else
 * itself. */
uint32_t prog_at_hook(uint32_t prog_id);

/* Returns 1 if any loaded program uses map @map_id, 0 if none does, or a negative errno. */
int prog_uses_map(uint32_t map_id);

/* Reads the next program that extends or traces @prog_id. *link_id: 0 at first. Returns 1, 0 if
 * there are no more, or a negative errno. */
int prog_next_extension(uint32_t prog_id, uint32_t *link_id, uint32_t *ret_extension);

/* True if a program extends @prog_id, a dispatcher, or traces it; also true on an error, so that
 * the dispatcher isn't removed by mistake. */
bool prog_is_extended(uint32_t prog_id);

/* Returns 1 if the kernel has BTF of its own (CONFIG_DEBUG_INFO_BTF), 0 if not, or a negative
 * errno.
 */
int prog_kernel_has_btf(void);

/*
 * Checks, by loading a program, that libbpf passes program names to the kernel: after a failed
 * probe it omits them for the rest of the process. Returns 0; -EAGAIN: it omits them; another
 * negative errno: the kernel refuses the program.
 */
int prog_names_kept(void);

/*
 * Checks, by trying, that BPF_PROG_TYPE_EXT programs can be loaded, as libxdp needs for its
 * dispatcher's slots. Returns 0, or the negative errno with which the kernel refuses the type.
 */
int prog_ext_supported(void);

#endif
