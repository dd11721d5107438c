/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What doctor found. */
#ifndef XDP_L2RESP_DOCTOR_REPORT_H
#define XDP_L2RESP_DOCTOR_REPORT_H

#include <stddef.h>
#include <net/if.h>

enum doctor_severity {
	DOCTOR_NOTE, /* to be known, and not wrong: other findings alone are a failure */
	DOCTOR_WARNING,
	DOCTOR_ERROR,
};

struct doctor_finding {
	const char *check;
	enum doctor_severity severity;
	char dev[IFNAMSIZ]; /* empty: none in particular */
	char detail[256];
	char remedy[512];
};

struct doctor_report {
	struct doctor_finding *findings;
	size_t count;
	size_t addresses; /* whose lease is valid, on the interfaces looked at */
	size_t asked;	  /* of them, those for which the LAN was asked */
};

#endif
