// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <gnutls/x509.h>

#include "alloc.h"
#include "tls_files.h"

struct tls_files tls_files_of(const struct listen_options *options)
{
	return (struct tls_files){ { [TLS_CERT] = options->cert,
				     [TLS_KEY] = options->key,
				     [TLS_CLIENT_CA] = options->client_ca } };
}

/* Zeroed if there is no file. */
static struct stat file_stat(const char *path)
{
	struct stat found = {};

	if (stat(path, &found) < 0)
		return (struct stat){};
	return found;
}

/* Checks the contents here, since the HTTP library doesn't say what is wrong. */
static int check(const struct tls_files *files, const struct tls_contents *contents,
		 struct err *err)
{
	gnutls_certificate_credentials_t credentials;
	int r = gnutls_certificate_allocate_credentials(&credentials), trusted = 0;

	if (r < 0)
		alloc_fail();
	r = gnutls_certificate_set_x509_key_mem(credentials, &contents->texts[TLS_CERT],
						&contents->texts[TLS_KEY], GNUTLS_X509_FMT_PEM);
	if (!r)
		trusted = gnutls_certificate_set_x509_trust_mem(
			credentials, &contents->texts[TLS_CLIENT_CA], GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(credentials);
	if (r < 0)
		return err_set(err, -EINVAL, "%s with %s: %s", files->paths[TLS_CERT],
			       files->paths[TLS_KEY], gnutls_strerror(r));
	if (trusted <= 0)
		return err_set(err, -EINVAL, "%s: no certificate of an authority in it",
			       files->paths[TLS_CLIENT_CA]);
	return 0;
}

int tls_files_read(const struct tls_files *files, struct tls_contents *ret_contents,
		   struct err *err)
{
	int r = 0;

	*ret_contents = (struct tls_contents){};
	/* before the read: a write during it must count as a change */
	for (enum tls_file file = 0; file < TLS_FILE_COUNT; file++)
		ret_contents->stats[file] = file_stat(files->paths[file]);
	for (enum tls_file file = 0; file < TLS_FILE_COUNT && !r; file++) {
		r = gnutls_load_file(files->paths[file], &ret_contents->texts[file]);
		if (r < 0)
			err_write(err, "%s: %s", files->paths[file],
				  r == GNUTLS_E_FILE_ERROR ? strerror(errno) : gnutls_strerror(r));
	}
	r = r < 0 ? -EIO : check(files, ret_contents, err);
	if (r < 0)
		tls_contents_free(ret_contents);
	return r;
}

void tls_contents_free(struct tls_contents *contents)
{
	for (enum tls_file file = 0; file < TLS_FILE_COUNT; file++) {
		if (contents->texts[file].data)
			gnutls_memset(contents->texts[file].data, 0, contents->texts[file].size);
		gnutls_free(contents->texts[file].data);
		contents->texts[file] = (gnutls_datum_t){};
	}
}

bool tls_files_changed(const struct tls_files *files, const struct tls_contents *contents)
{
	for (enum tls_file file = 0; file < TLS_FILE_COUNT; file++) {
		const struct stat *was = &contents->stats[file];
		struct stat is = file_stat(files->paths[file]);

		if (is.st_dev != was->st_dev || is.st_ino != was->st_ino ||
		    is.st_size != was->st_size || is.st_mtim.tv_sec != was->st_mtim.tv_sec ||
		    is.st_mtim.tv_nsec != was->st_mtim.tv_nsec)
			return true;
	}
	return false;
}

bool tls_client_certified(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned int faults = 0;

	return gnutls_certificate_verify_peers(session, &purpose, 1, &faults) == GNUTLS_E_SUCCESS &&
	       !faults;
}
