/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Removes addresses by control_remove(), never by a map delete: if the kernel reused the element
 * during a running lookup, the program would answer with another address's MAC. The writers' lock
 * is needed.
 */
#ifndef XDP_L2RESP_REMOVER_H
#define XDP_L2RESP_REMOVER_H

#include "err.h"
#include "pins.h"
#include "row.h"

struct control_bpf;

struct remover {
	struct control_bpf *control;
};

/* Opens a remover for the two maps @fds. Returns 0 or a negative errno with @err. */
int remover_open(const int fds[PINS_FAMILIES], struct remover *ret_remover, struct err *err);

/* For _cleanup_(). */
void remover_close(struct remover *remover);

/* Removes @key if it exists. Returns 0 or a negative errno with @err. */
int remover_remove(const struct remover *remover, const struct entry_key *key, struct err *err);

/* Removes the rows of @table that exist. Returns 0 or a negative errno with @err. */
int remover_remove_table(const int fds[PINS_FAMILIES], const struct entry_table *table,
			 struct err *err);

#endif
