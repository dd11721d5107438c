/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The condition that says whether a Service is announced. */
#ifndef XDP_L2RESPD_ANNOUNCED_H
#define XDP_L2RESPD_ANNOUNCED_H

#include <stdbool.h>
#include <stdint.h>

#include "service.h"

#define CONDITION_ANNOUNCED "xdp-l2resp.io/Announced"

/* Separates address and node in the message of a condition that is "True". */
#define ANNOUNCED_BY " announced by "

/* The condition that a Service should have, as far as this node knows. Copied. */
struct announced {
	const struct service *service;
	const char *state; /* "True", "False" or "Unknown"; NULL: the Service should have none */
	const char *reason, *message;
	uint64_t grace_ns; /* it is written once it has been the same for this long */
	bool leads;	   /* this node writes the conditions of Services that no node announces */
};

#endif
