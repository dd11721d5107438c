/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks' input, and the functions by which they report findings. */
#ifndef XDP_L2RESP_DOCTOR_CHECK_H
#define XDP_L2RESP_DOCTOR_CHECK_H

#include <stdbool.h>

#include "attach_moved.h"
#include "attach_state.h"
#include "conflict.h"
#include "doctor_checks.h"
#include "doctor_report.h"
#include "entry.h"
#include "link.h"
#include "kernel_view.h"

struct doctor_device {
	struct link link;	   /* only name and ifindex if gone */
	bool gone;		   /* recorded, but no such interface exists */
	struct attach_moved moved; /* where it, or its parent, is, if that is gone from here */
	struct attach_state state;
	int ours; /* our program's index in state.prog, also if orphaned; -1: not attached */
	/* whose program sees the frames: itself or, for a VLAN device without it, maybe a parent */
	char hook[IFNAMSIZ];
	bool hook_up;	  /* with carrier */
	bool has_program; /* the program is on hook */
	const struct entry_row *rows;
	size_t row_count;
};

/* Two interfaces on one LAN: each receives the other's broadcasts. */
struct doctor_pair {
	char dev[2][IFNAMSIZ];
};

struct doctor {
	const struct pins *pins;    /* NULL: nothing is pinned; else maybe incomplete */
	const struct err *unusable; /* why the pins are incomplete, or NULL */
	struct doctor_device *devices;
	size_t device_count;
	struct entry_table entries; /* on all interfaces */
	struct conflict_table conflicts;
	struct kernel_view kernel;
	struct doctor_pair *pairs; /* found by other_answers' requests */
	size_t pair_count;
	const struct doctor_check *check; /* running now */
	struct doctor_report report;
};

/* Returns 0, with or without findings, or a negative errno with @err if it couldn't be made. */
typedef int doctor_each_fn(struct doctor *doctor, const struct doctor_device *device,
			   struct err *err);
typedef int doctor_once_fn(struct doctor *doctor, struct err *err);

struct doctor_check {
	const char *name;
	enum doctor_severity severity;
	const char *remedy; /* with placeholders IFACE, HOOK and ADDR */
	doctor_each_fn *each;
	doctor_once_fn *once;
};

#define DOCTOR_DECLARE_EACH(name)			    doctor_each_fn doctor_check_##name;
#define DOCTOR_DECLARE_ONCE(name)			    doctor_once_fn doctor_check_##name;
#define DOCTOR_DECLARE(name, scope, severity, text, remedy) DOCTOR_DECLARE_##scope(name)
DOCTOR_CHECKS(DOCTOR_DECLARE)

/*
 * Adds a finding of the running check. Replaces IFACE and HOOK in its remedy by @device and its
 * hook, and ADDR by @address; either may be NULL. Returns 0, for the check to return.
 */
int doctor_find(struct doctor *doctor, const struct doctor_device *device,
		const struct address *address, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Replaces the remedy of the finding just added. */
void doctor_remedy(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* For a finding that another host has @row's address: if an agent announces the address, replaces
 * the remedy, since `del` would refuse. Returns 0 or a negative errno with @err. */
int doctor_remedy_announced(struct doctor *doctor, const struct entry_row *row, struct err *err);

/* For a finding whose remedy is to attach: replaces it if attach would be refused on @device's
 * hook. */
void doctor_remedy_refused(struct doctor *doctor, const struct doctor_device *device);

/* True if @map is pinned and could be opened. */
static inline bool doctor_has(const struct doctor *doctor, enum maps_index map)
{
	return doctor->pins && doctor->pins->maps.fd[map] >= 0;
}

/* As entry_lease_remaining(), but 0 if the leases can't be read. */
int doctor_lease_remaining(const struct doctor *doctor, uint8_t slot, uint64_t *ret_ms,
			   struct err *err);

/* Returns the entry of @address on @device, or NULL. */
const struct entry_row *doctor_row(const struct doctor_device *device,
				   const struct address *address);

/* "es" or "": address@. */
static inline const char *doctor_plural(size_t count)
{
	return count == 1 ? "" : "es";
}

#endif
