/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An address on an interface and what it is answered with, of either family. */
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
	bool damaged; /* the copy of the key in the value is another: the program doesn't answer */
	uint64_t responses_sent;
};

struct entry_table {
	struct entry_row *rows;
	size_t count;
};

void entry_table_free(struct entry_table *table);

/* Appends @row to @table, of which *@capacity rows are allocated. */
void entry_table_add(struct entry_table *table, size_t *capacity, const struct entry_row *row);

/* By interface, then by address: IPv4 first, but for what lies below ::ffff:0:0. */
int entry_key_compare(const struct entry_key *a, const struct entry_key *b);

/* @key as the programs of control.bpf.c take it. */
struct control_key row_control_key(const struct entry_key *key);

#endif
