/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP on one listening socket. Anybody may connect, so each connection carries one request, has a
 * deadline for all of it, and is cut off for a newer one when there are too many.
 */
#ifndef XDP_L2RESPD_LISTENER_H
#define XDP_L2RESPD_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "err.h"
#include "tls_files.h"

struct listener;

struct request {
	struct MHD_Connection *connection;
	const char *path, *method;
	bool encrypted; /* TLS */
	bool certified; /* and with a client certificate that clientCA vouches for */
};

/* What a request is answered with. */
struct answer {
	unsigned int status;
	const char *type;
	char *text; /* freed by the library */
	size_t size;
	const char *policy; /* Content-Security-Policy; NULL: nothing may be loaded or run */
};

/* @ret_answer is zeroed; without a text the connection is closed. */
typedef void listener_answer_fn(const struct request *request, struct answer *ret_answer,
				void *userdata);

/*
 * Serves the listening socket *@fd, which is -1 as soon as the listener has it. With TLS where @tls
 * has files; it is copied. They are read again when they change; what can't be used is logged, and
 * what was in force stays.
 */
int listener_new(sd_event *event, int *fd, const struct tls_files *tls, listener_answer_fn *answer,
		 void *userdata, struct listener **ret_listener, struct err *err);
/* NULL is fine. */
void listener_free(struct listener *listener);

#endif
