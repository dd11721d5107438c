/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serves HTTP on one listening socket. Anybody may connect, so each connection carries one request
 * and has one deadline. If there are too many connections, a new one makes an older one end.
 */
#ifndef XDP_L2RESPD_LISTENER_H
#define XDP_L2RESPD_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "err.h"
#include "tls_files.h"

struct listener;

struct request {
	struct MHD_Connection *connection;
	const char *path, *method;
	bool encrypted; /* TLS */
	bool certified; /* and the client has a certificate of clientCA */
};

/* The answer to a request. */
struct answer {
	unsigned int status;
	const char *type;
	char *text; /* the HTTP library frees it */
	size_t size;
	const char *policy; /* Content-Security-Policy; NULL: nothing may be loaded or run */
	/* Instead of a text, one in parts: appends the next to @out, and returns whether there are
	 * more. A part is made when the client has taken the former ones. */
	bool (*next)(void *data, FILE *out);
	void (*free)(void *data);
	void *data;
};

/* @ret_answer is zeroed; without a text and parts the connection is closed. */
typedef void listener_answer_fn(const struct request *request, struct answer *ret_answer,
				void *userdata);

/*
 * Serves the listening socket *@fd, which it takes over and sets to -1. Uses TLS if @tls, which is
 * copied, has files. Files that have changed are read again; if they can't be used, that is logged,
 * and the former ones stay in use.
 */
int listener_new(sd_event *event, int *fd, const struct tls_files *tls, listener_answer_fn *answer,
		 void *userdata, struct listener **ret_listener, struct err *err);
/* NULL is fine. */
void listener_free(struct listener *listener);

#endif
