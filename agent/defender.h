/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other hosts that use our addresses, as the data path saw them (RFC 5227 2.4). */
#ifndef XDP_L2RESPD_DEFENDER_H
#define XDP_L2RESPD_DEFENDER_H

#include <stdint.h>
#include <linux/if_ether.h>

#include "addr.h"
#include "err.h"
#include "program.h"

/* An address is defended at most that often (RFC 5227 2.4 b). */
#define DEFENDER_INTERVAL_NS 10000000000ULL

struct defender;

/* Somebody with @mac used @address on @ifindex. Returns whether it was defended: then not again for
 * the interval. */
typedef bool defender_fn(const struct address *address, uint32_t ifindex,
			 const uint8_t mac[ETH_ALEN], void *userdata);

struct defender *defender_new(void);
void defender_free(struct defender *defender);

/* Calls @seen for each address and interface that conflicts were counted on since the last look,
 * unless it was defended less than the interval ago. What was counted before the first look is
 * history. */
int defender_look(struct defender *defender, struct program *program, defender_fn *seen,
		  void *userdata, struct err *err);

/* Conflicts that looks have found: hosts times addresses, not frames. */
uint64_t defender_count(const struct defender *defender);

#endif
