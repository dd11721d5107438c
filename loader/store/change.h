/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes entries in place, by the programs in control.bpf.c: a map update would replace the
 * element, and lose the answers counted since it was read. The writers' lock is needed.
 */
#ifndef XDP_L2RESP_CHANGE_H
#define XDP_L2RESP_CHANGE_H

#include "responder.h"

/* Writes @mac to the entries on @ifindex that follow their device's MAC, and keeps their counts;
 * not to the agent's, which it changes itself. */
int change_follow_mac(const struct pins *pins, uint32_t ifindex, const uint8_t mac[ETH_ALEN],
		      struct err *err);

/* Adds to the counts of the pinned entries, atomically, the growth from @before to @after, two
 * readings of other maps; of addresses that are in both. */
int change_add_answers(const struct pins *pins, const struct entry_table *before,
		       const struct entry_table *after, struct err *err);

#endif
