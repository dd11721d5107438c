/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the driver's hook would do with a request right now, and why: the request run through a
 * program of the same source, and what the maps have to say on it. */
#ifndef XDP_L2RESP_EXPLAIN_H
#define XDP_L2RESP_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <net/if.h>

#include "addr.h"
#include "err.h"
#include "explain_program.h"
#include "link.h"
#include "request.h"

/* In the order of the data path. */
enum explain_check {
	EXPLAIN_INTERFACE,
	EXPLAIN_PROGRAM,
	EXPLAIN_VLAN,
	EXPLAIN_SENDER,
	EXPLAIN_ENTRY,
	EXPLAIN_LEASE,
	EXPLAIN_CONFLICT,
	EXPLAIN_REPLY,
	EXPLAIN_CHECK_COUNT,
};

struct explain_finding {
	bool made; /* false: the request doesn't get that far, or has nothing to check here */
	bool ok;
	char detail[256];
};

struct explain_question {
	struct address address;
	struct link link;
	bool has_from;
	struct address from; /* of the same family */
	bool has_vid;
	uint16_t vid; /* a tag, behind those of @link itself */
};

struct explanation {
	bool answers;
	const char *reason; /* an outcome's name, or what keeps the request from the program */
	struct explain_finding findings[EXPLAIN_CHECK_COUNT];
	struct request request;
	uint8_t reply[REQUEST_MAX]; /* the frame, if it answers */
	size_t reply_length;
};

/* Asks the pins on @bpffs, where there are any, on the interface @dev, which becomes the
 * question's. *@program is kept from one question to the next: see explain_program_load(). Changes
 * nothing. Takes CAP_SYS_ADMIN. Returns 0 or a negative errno with @err. */
int explain(const char *bpffs, const char *dev, struct explain_question *question,
	    struct explain_program **program, struct explanation *ret_explanation, struct err *err);

/* "answer" or "silent". */
const char *explain_verdict(const struct explanation *explanation);

const char *explain_check_name(enum explain_check check);

#endif
