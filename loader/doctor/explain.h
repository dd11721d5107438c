/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Explains what the attached program would do with a request now, and why: runs the request through
 * a program built from the same source, and reads the maps. */
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
	bool made; /* false: the request ended before this check, or it doesn't apply */
	bool ok;
	char detail[256];
};

struct explain_question {
	struct address address;
	struct link link;
	bool has_from;
	struct address from; /* of the same family */
	bool has_vid;
	uint16_t vid; /* of a further tag, inside those of @link itself */
};

struct explanation {
	bool answers;
	const char *reason; /* an outcome's name, or why the program doesn't see the request */
	struct explain_finding findings[EXPLAIN_CHECK_COUNT];
	struct request request;
	uint8_t reply[REQUEST_MAX]; /* the frame, if it answers */
	size_t reply_length;
};

/* Answers @question for interface @dev, and sets its link, from the pins on @bpffs if any. Keeps
 * *@program for the next question (explain_program_load()). Changes nothing. Needs CAP_SYS_ADMIN.
 * Returns 0 or a negative errno with @err. */
int explain(const char *bpffs, const char *dev, struct explain_question *question,
	    struct explain_program **program, struct explanation *ret_explanation, struct err *err);

/* "answer" or "silent". */
const char *explain_verdict(const struct explanation *explanation);

const char *explain_check_name(enum explain_check check);

#endif
