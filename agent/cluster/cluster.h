/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Kubernetes API server as the source. */
#ifndef XDP_L2RESPD_CLUSTER_H
#define XDP_L2RESPD_CLUSTER_H

#include "source.h"

/*
 * Begins to list and watch, on @event. Nothing is known until all has been listed. For an invalid
 * object, its last valid version is used. While the server is unreachable, all objects stay as they
 * were. Errors as kube_login(), with @err.
 */
int cluster_new(sd_event *event, const struct source_options *options,
		const struct source_callbacks *callbacks, void *userdata,
		struct source **ret_source, struct err *err);

#endif
