/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command that changed addresses prints. */
#ifndef XDP_L2RESP_REPORT_H
#define XDP_L2RESP_REPORT_H

#include "cli.h"
#include "entry.h"
#include "serve.h"
#include "vlan.h"

/* "es" or "": address@. */
const char *report_plural(size_t count);

/* @dev: the interface that all of them are on, or NULL. */
void report_added(const struct cli_options *options, const char *dev,
		  const struct entry_added *added);

/* Notes the agent's addresses that were left, too. */
void report_deleted(const struct cli_options *options, const char *dev,
		    const struct serve_deleted *deleted);

/* The VIDs of a VLAN device: null for another interface, a number, or an array, outer first. */
json_t *report_vlan(const struct vlan_path *path);

#endif
