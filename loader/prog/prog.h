/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loaded BPF programs, asked of the kernel by id. Needs CAP_SYS_ADMIN, as every look-up by id does.
 */
#ifndef XDP_L2RESP_PROG_H
#define XDP_L2RESP_PROG_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/bpf.h>

#include "l2resp.h"

/* The name of our entry point, as the kernel shows it. */
#define PROG_NAME "xdp_l2resp"

/* Does program @prog_id use map @map_id? 1; 0, also where the program is gone; or a negative errno
 * where the kernel won't say, or didn't of the map, whose id is 0 then. */
int prog_id_uses_map(uint32_t prog_id, uint32_t map_id);

/*
 * Where the maps of program @prog_id were pinned when it was attached. -ENOENT: it isn't one of
 * ours, whatever its name.
 */
int prog_pins_origin(uint32_t prog_id, struct pins_origin *ret_origin);

/* Which interface program @prog_id answers for. -ENOENT as above. */
int prog_attached_ifindex(uint32_t prog_id, uint32_t *ret_ifindex);

/* Does any loaded program use map @map_id? 1, 0, or a negative errno where the kernel won't say. */
int prog_uses_map(uint32_t map_id);

/* Does a program extend @prog_id, a dispatcher, or trace it? True too where the kernel won't say.
 */
bool prog_is_extended(uint32_t prog_id);

/* Does the kernel have type information of its own (CONFIG_DEBUG_INFO_BTF)? 1, 0, or a negative
 * errno where it won't say. */
int prog_kernel_has_btf(void);

/*
 * Does a program that libbpf loads keep its name? It leaves names out, for the rest of the process,
 * where its question whether the kernel takes them failed. Returns 0; -EAGAIN where not; another
 * negative errno where the kernel refuses the one that is loaded to find out.
 */
int prog_names_kept(void);

/*
 * May a BPF_PROG_TYPE_EXT program be loaded? libxdp's dispatcher is a program whose slots are
 * replaced by such. Asked of the kernel by trying. Returns 0, or the negative errno with which the
 * kernel refuses the type.
 */
int prog_ext_supported(void);

#endif
