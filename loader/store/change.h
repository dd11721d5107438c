/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries changed in place, by the programs in control.bpf.c: an update of the map would replace
 * the element, and lose the answers counted since it was read. The writers' lock is needed.
 */
#ifndef XDP_L2RESP_CHANGE_H
#define XDP_L2RESP_CHANGE_H

#include "responder.h"

/* Gives the entries of @table the heads that it has: their counts go on. One that is gone meanwhile
 * is left out. */
int change_set_heads(const struct pins *pins, const struct entry_table *table, struct err *err);

/* Gives the entries on @ifindex that follow their device's MAC the MAC @mac: their counts go on. */
int change_follow_mac(const struct pins *pins, uint32_t ifindex, const uint8_t mac[ETH_ALEN],
		      struct err *err);

/* Adds to the pinned entries what their counts grew by between @before and @after, two readings of
 * other maps, atomically. */
int change_add_answers(const struct pins *pins, const struct entry_table *before,
		       const struct entry_table *after, struct err *err);

#endif
