/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program under BPF_PROG_RUN: a fixture with known addresses, frames to ask it with, and what
 * came of them. */
#ifndef XDP_L2RESP_TESTS_FRAME_H
#define XDP_L2RESP_TESTS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "l2resp.h"
#include "../system/fuzz/reference.h"

#define FRAME_MAX 2048

struct frame {
	size_t length;
	uint8_t bytes[FRAME_MAX];
};

/* The result of one run of the program. */
struct frame_result {
	uint32_t verdict; /* XDP_* */
	struct frame out;
	uint64_t counts[OUTCOME_COUNT]; /* how far each counter moved */
	uint64_t responses;		/* how far the counts of all entries together moved */
};

/* Loads the program with the fixture's entries; asserts that it could. */
void frame_setup(void);
void frame_teardown(void);

/* The fixture's maps, for an independent responder. */
struct reference frame_told(void);

/* Runs the program on @in, which must be at least 14 bytes: the kernel refuses less. Asserts that
 * explain's program says the same of it, and changes nothing. */
void frame_run(const struct frame *in, struct frame_result *ret_result);

/* What monitor is given of @in, run @times while it watches: the records that it reads afterwards,
 * and in *ret_lost those that found the ring full. */
unsigned int frame_trace(const struct frame *in, uint32_t times, uint64_t *ret_lost);

/* Frames in conflicts for @address (IPv4: mapped) and @mac. */
uint64_t frame_conflicts(const uint8_t address[16], const uint8_t mac[6]);

/* Asserts that @got is @wanted, byte for byte. */
void frame_expect(const char *name, const struct frame *got, const struct frame *wanted);

/* Asserts that of all counters only @outcome (OUTCOME_COUNT: none) and @besides moved, by one. */
void frame_expect_counts(const char *name, const struct frame_result *result, enum outcome outcome,
			 enum outcome besides);

/* The interface that the program is attached to, and another that isn't it. */
#define FIXTURE_IFINDEX	      7
#define FIXTURE_OTHER_IFINDEX 8

/* VLAN devices on FIXTURE_IFINDEX, by their tags. */
#define FIXTURE_VLAN  17 /* 802.1Q 100 */
#define FIXTURE_OUTER 18 /* 802.1ad 200 */
#define FIXTURE_INNER 19 /* 802.1Q 300 in 802.1ad 200 */

/* Addresses of the fixture: 198.18.0.x and 2001:db8::x. */
#define OWNED	     10 /* answered with MAC_OURS */
#define LEASE_AHEAD  11 /* stamp in the future */
#define LEASE_LAPSED 12 /* stamp in the past */
#define OWNED_FIXED  14 /* answered with MAC_FIXED */
#define REUSED	     15 /* its element carries another address */
#define NO_OVERRIDE  16 /* IPv6: advertised without the override flag */
#define ELSEWHERE    20 /* only on FIXTURE_OTHER_IFINDEX */
#define ON_VLAN	     30 /* only on FIXTURE_VLAN */
#define ON_OUTER     31
#define ON_INNER     32
#define NOT_OWNED    99
#define REQUESTER    1

#define MAC_OURS      0x02, 0x00, 0x00, 0x00, 0x00, 0x0a
#define MAC_FIXED     0x00, 0x00, 0x5e, 0x00, 0x01, 0x07
#define MAC_REQUESTER 0x02, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5
#define MAC_THIRD     0x02, 0xee, 0xee, 0xee, 0xee, 0xee

#endif
