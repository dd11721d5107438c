/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a Service is announced, as its condition says it. */
#ifndef XDP_L2RESPD_ANNOUNCED_H
#define XDP_L2RESPD_ANNOUNCED_H

#include <stdbool.h>
#include <stdint.h>

#include "service.h"

#define CONDITION_ANNOUNCED "xdp-l2resp.io/Announced"

/* Stands between address and node in the message of a condition that is "True". */
#define ANNOUNCED_BY " announced by "

/* What a Service's condition should be, as far as this node knows. Copied. */
struct announced {
	const struct service *service;
	const char *state; /* "True", "False" or "Unknown"; NULL: it should have none */
	const char *reason, *message;
	uint64_t grace_ns; /* how long it must have been the same before it is written */
	bool leads;	   /* this node writes the conditions of Services that no node announces */
};

#endif
