/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A load's frames, and the expected answers, as bytes. */
#ifndef XDP_L2RESP_BENCH_FRAMES_H
#define XDP_L2RESP_BENCH_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "lane.h"
#include "load.h"

/* The frames that the requester sends. */
enum load_kind {
	LOAD_HIT,	/* requests for addresses that the device answers for */
	LOAD_MISS,	/* requests for others */
	LOAD_MALFORMED, /* ARP that nobody may answer: each a different reason */
	LOAD_UDP4,
	LOAD_IPV6,
	LOAD_ICMP6, /* echo requests: most similar to neighbour discovery */
	LOAD_MIXED, /* one request in LOAD_TEMPLATES, the rest UDP over IPv4 and IPv6 */
	LOAD_KIND_COUNT,
};

const char *load_kind_name(enum load_kind kind);
/* True if answers are expected at the requester, rather than frames behind the device. */
bool load_kind_answered(enum load_kind kind);

/* Returns the first target: 198.18.0.0 (RFC 2544), or 10.0.0.0 if there are more targets than
 * 198.18.0.0/15 has. Host byte order. */
uint32_t load_first_target(uint32_t count);

enum load_sink {
	LOAD_SINK_XDP,	  /* answers come as XDP frames */
	LOAD_SINK_SKB,	  /* answers come from the stack */
	LOAD_SINK_PASSED, /* no answers; the frames come through the device */
};

struct load_options {
	enum load_kind kind;
	enum load_sink sink;
	uint32_t targets;
	bool swapped;		/* the answer is the request with its Ethernet addresses swapped */
	bool broadcast;		/* the answer is a broadcast with an empty target MAC */
	bool trailer;		/* the answer keeps the bytes behind the request */
	uint32_t pktgen;	/* packets that the kernel's pktgen sends; 0: live frames */
	unsigned int settle_ms; /* after that time without an answer none will come; 0: 2 */
};

/* How many different frames a load of @kind sends in turns: a power of two. */
unsigned int frames_template_count(enum load_kind kind);

/* Number @which of them, that in its last byte; *ret_asks: its target is for the generator to fill
 * in. */
struct load_frame frames_template(const struct lane *lane, enum load_kind kind, unsigned int which,
				  bool *ret_asks);

/* Builds the answer to @request, except the target in it. */
struct load_frame frames_answer(const struct lane *lane, const struct load_options *options,
				const struct load_frame *request);

#endif
