/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the checks are given, and how they say what they found. */
#ifndef XDP_L2RESP_DOCTOR_CHECK_H
#define XDP_L2RESP_DOCTOR_CHECK_H

#include <stdbool.h>

#include "attach_state.h"
#include "conflict.h"
#include "doctor_checks.h"
#include "doctor_report.h"
#include "entry.h"
#include "link.h"
#include "kernel_view.h"

struct doctor_device {
	struct link link; /* only name and ifindex of one that is gone */
	bool gone;
	struct attach_state state;
	int ours; /* index in state.prog, orphans too; -1: not attached */
	/* where its frames come in: itself, or what a VLAN device without the program is on */
	char hook[IFNAMSIZ];
	bool answered; /* the program is there */
	const struct entry_row *rows;
	size_t row_count;
};

/* Two interfaces on one LAN: what one sends comes in on the other. */
struct doctor_pair {
	char dev[2][IFNAMSIZ];
};

struct doctor {
	const struct pins *pins; /* NULL: nothing is pinned */
	struct doctor_device *devices;
	size_t device_count;
	struct entry_table entries; /* on all interfaces */
	struct conflict_table conflicts;
	struct kernel_view kernel;
	struct doctor_pair *pairs; /* that were noticed when the LAN was asked */
	size_t pair_count;
	const struct doctor_check *check; /* that runs */
	struct doctor_report report;
};

/* A question that can't be asked is an error with @err; a finding isn't. */
typedef int doctor_each_fn(struct doctor *doctor, const struct doctor_device *device,
			   struct err *err);
typedef int doctor_once_fn(struct doctor *doctor, struct err *err);

struct doctor_check {
	const char *name;
	enum doctor_severity severity;
	const char *remedy; /* with IFACE and ADDR in it */
	doctor_each_fn *each;
	doctor_once_fn *once;
};

#define DOCTOR_DECLARE_EACH(name)			    doctor_each_fn doctor_check_##name;
#define DOCTOR_DECLARE_ONCE(name)			    doctor_once_fn doctor_check_##name;
#define DOCTOR_DECLARE(name, scope, severity, text, remedy) DOCTOR_DECLARE_##scope(name)
DOCTOR_CHECKS(DOCTOR_DECLARE)

/*
 * Adds a finding of the check that runs. @device (NULL: none in particular), where the program for
 * it is, and @address (NULL) take the places of IFACE, HOOK and ADDR in its remedy. Returns 0, for
 * the check to return.
 */
int doctor_find(struct doctor *doctor, const struct doctor_device *device,
		const struct address *address, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Another remedy for the finding just added than the check's: what to run depends. */
void doctor_remedy(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Another remedy for the finding just added, of another host that has @row's address, if an agent
 * announces that: del would refuse. Returns 0 or a negative errno with @err. */
int doctor_remedy_announced(struct doctor *doctor, const struct entry_row *row, struct err *err);

/* Another remedy for the finding just added, which is to attach, if attach would be refused where
 * the program for @device is to be. */
void doctor_remedy_refused(struct doctor *doctor, const struct doctor_device *device);

/* The entry of this address on @device; NULL: there is none. */
const struct entry_row *doctor_row(const struct doctor_device *device,
				   const struct address *address);

/* "es" or "": address@. */
static inline const char *doctor_plural(size_t count)
{
	return count == 1 ? "" : "es";
}

#endif
