/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a TLS server that asks its clients for certificates. */
#ifndef XDP_L2RESPD_TLS_FILES_H
#define XDP_L2RESPD_TLS_FILES_H

#include <stdbool.h>
#include <gnutls/gnutls.h>
#include <sys/stat.h>

#include "config.h"
#include "err.h"

enum tls_file {
	TLS_CERT,
	TLS_KEY,
	TLS_CLIENT_CA,
	TLS_FILE_COUNT,
};

struct tls_files {
	const char *paths[TLS_FILE_COUNT]; /* NULL: no TLS */
};

/* Borrows from @options. */
struct tls_files tls_files_of(const struct listen_options *options);

/* The contents of the files. */
struct tls_contents {
	gnutls_datum_t texts[TLS_FILE_COUNT]; /* ends with a zero byte */
	struct stat stats[TLS_FILE_COUNT];
};

/* Negative errno with @err, which names the file; then *ret_contents has only what stat() said. */
int tls_files_read(const struct tls_files *files, struct tls_contents *ret_contents,
		   struct err *err);
void tls_contents_free(struct tls_contents *contents);

/* Has one of the files changed, or gone, since @contents were read? */
bool tls_files_changed(const struct tls_files *files, const struct tls_contents *contents);

/* Has the client of @session a certificate that is valid now, is meant for clients, and is issued
 * by one of the session's trusted authorities? */
bool tls_client_certified(gnutls_session_t session);

#endif
