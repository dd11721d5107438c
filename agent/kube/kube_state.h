/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a client's requests and its watches share. */
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

/* Sends @request for @path, with what all requests have. */
struct http_call *kube_send(struct kube *kube, struct http_request *request, const char *path);

#endif
