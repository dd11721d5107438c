/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of which a write was refused, and that the store's stream hasn't shown since. */
#ifndef XDP_L2RESP_REFUSED_H
#define XDP_L2RESP_REFUSED_H

#include <stdbool.h>
#include <stdint.h>

struct refused;

/*
 * A write to the record called @name was refused, which was sent when the stream had shown all up
 * to @seen. Returns whether that was so before, and the stream has gone on since, without that
 * record. *@list: NULL at first.
 */
bool refused_again(struct refused **list, const char *name, uint64_t seen);

/* The stream shows the record called @name. */
void refused_shown(struct refused **list, const char *name);

/* Empties *@list, and frees it. */
void refused_forget(struct refused **list);

#endif
