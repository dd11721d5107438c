/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An entry of either family: an address on an interface, and the MAC it is answered with. */
#ifndef XDP_L2RESP_ROW_H
#define XDP_L2RESP_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "control.h"
#include "l2resp.h"

struct entry_key {
	struct address address;
	uint32_t ifindex;
};

struct entry_row {
	struct entry_key key;
	struct entry_head head;
	bool damaged; /* the value has another key than the element: the program doesn't answer; or
		       * responder_v6 has an IPv4-mapped address */
	uint64_t responses_sent;
};

struct entry_table {
	struct entry_row *rows;
	size_t count;
};

void entry_table_free(struct entry_table *table);

/* Appends @row to @table, of which *@capacity rows are allocated. */
void entry_table_add(struct entry_table *table, size_t *capacity, const struct entry_row *row);

/* Orders by interface, then by address as 16 bytes: IPv4 (::ffff:0:0/96) before other IPv6
 * addresses, except those below ::ffff:0:0. */
int entry_key_compare(const struct entry_key *a, const struct entry_key *b);

/* True if @row's MAC is the virtual MAC of its address (virtual_mac.h). */
bool entry_mac_virtual(const struct entry_row *row);

/* Converts @key for the programs of control.bpf.c. */
struct control_key row_control_key(const struct entry_key *key);

#endif
