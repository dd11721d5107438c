/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor's findings. */
#ifndef XDP_L2RESP_DOCTOR_REPORT_H
#define XDP_L2RESP_DOCTOR_REPORT_H

#include <stddef.h>
#include <net/if.h>

enum doctor_severity {
	DOCTOR_NOTE, /* information: doctor fails only for warnings and errors */
	DOCTOR_WARNING,
	DOCTOR_ERROR,
};

struct doctor_finding {
	const char *check;
	enum doctor_severity severity;
	char dev[IFNAMSIZ]; /* empty: not about one interface */
	char detail[256];
	char remedy[512];
};

struct doctor_report {
	struct doctor_finding *findings;
	size_t count;
	size_t addresses; /* with a valid lease, on the checked interfaces */
	size_t asked;	  /* of these, the ones for which a request was sent */
};

#endif
