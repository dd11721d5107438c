/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds reasons why addresses aren't answered, or are answered by two hosts. Changes nothing. */
#ifndef XDP_L2RESP_DOCTOR_H
#define XDP_L2RESP_DOCTOR_H

#include "doctor_report.h"
#include "err.h"
#include "pins.h"

void doctor_report_free(struct doctor_report *report);

/*
 * Runs all checks: on the interface called @name or, if @name is NULL, on all with the program or
 * addresses. @pins may be NULL: nothing is pinned; or incomplete: checks that need what is missing
 * find nothing. @unusable: why they are incomplete, or NULL. If addresses answer, sends requests
 * for them to the LAN and waits a second for replies. Needs root, as attach_query() does. The
 * caller frees *ret_report. Returns 0, or a negative errno with @err if a check couldn't be made.
 */
int doctor_run(const struct pins *pins, const struct err *unusable, const char *name,
	       struct doctor_report *ret_report, struct err *err);

const char *doctor_severity_name(enum doctor_severity severity);

#endif
