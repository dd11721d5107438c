/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of commands that change addresses. */
#ifndef XDP_L2RESP_REPORT_H
#define XDP_L2RESP_REPORT_H

#include "cli.h"
#include "entry.h"
#include "serve.h"
#include "vlan.h"

/* "es" or "": address@. */
const char *report_plural(size_t count);

/* @dev: the interface of all addresses, or NULL if there are several. */
void report_added(const struct cli_options *options, const char *dev,
		  const struct entry_added *added);

/* Also prints a note on the agent's addresses that were kept. */
void report_deleted(const struct cli_options *options, const char *dev,
		    const struct serve_deleted *deleted);

/* Returns a VLAN device's VIDs: a number, or an array, outer first; null for other interfaces. */
json_t *report_vlan(const struct vlan_path *path);

#endif
