/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a client, shared by kube.c and kube_watch.c. */
#ifndef XDP_L2RESP_KUBE_STATE_H
#define XDP_L2RESP_KUBE_STATE_H

#include <systemd/sd-event.h>

#include "http.h"

struct kube {
	sd_event *event;
	struct http *http;
	char *server, *namespace, *token_file;
	uint64_t timeout_ns, retry_max_ns;
};

/* Adds server, token and timeout to @request, and sends it for @path. */
struct http_call *kube_send(struct kube *kube, struct http_request *request, const char *path);

#endif
