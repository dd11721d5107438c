/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks for what keeps addresses from being answered, or has two hosts answer. Changes nothing. */
#ifndef XDP_L2RESP_DOCTOR_H
#define XDP_L2RESP_DOCTOR_H

#include "doctor_report.h"
#include "err.h"
#include "pins.h"

void doctor_report_free(struct doctor_report *report);

/*
 * Runs all checks: on the interface called @name, or, where that is NULL, on all that have the
 * program or addresses. @pins may be NULL: nothing is pinned. Asks the LAN, and waits a second for
 * answers, where there is an address to ask for. Needs root, as attach_query() does. The caller
 * frees *ret_report. Returns 0, or a negative errno with @err where a question couldn't be asked.
 */
int doctor_run(const struct pins *pins, const char *name, struct doctor_report *ret_report,
	       struct err *err);

const char *doctor_severity_name(enum doctor_severity severity);

#endif
