// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "kube_login.h"
#include "lease.h"
#include "pin.h"
#include "pins.h"
#include "start_check.h"
#include "tls_files.h"

/* An id that no agent has. */
#define NO_ID "00000000000000000000000000000000"

/* Checks files of the configuration that only the lease engine or HTTP would read. */
static int check_files(const char *path, const struct config *config, struct err *err)
{
	const struct {
		const char *key, *file;
	} files[] = { { "ca", config->ca },
		      { "cert", config->cert },
		      { "key", config->key },
		      { "token", config->token } };
	const struct tls_files tls = tls_files_of(&config->listen);
	struct tls_contents contents;
	struct err said;
	int r;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i].file && access(files[i].file, R_OK) < 0)
			return err_set(err, negative_errno(), "%s: lease.%s: %s: %s", path,
				       files[i].key, files[i].file, strerror(errno));
	if (!tls.paths[TLS_CERT])
		return 0;
	r = tls_files_read(&tls, &contents, &said);
	if (r < 0)
		return err_set(err, r, "%s: tls: %s", path, said.text);
	tls_contents_free(&contents);
	return 0;
}

/* No stamp is in the future: no session is resumed. */
static int stamped(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata)
{
	*ret_deadline_ns = 0;
	return 0;
}

/* Checks engine, endpoints, server, certificates and token. The event loop never runs. */
static int check_lease(sd_event *event, const struct config *config, struct err *err)
{
	static const struct lease_callbacks callbacks = { .stamped = stamped };
	struct lease_machine *machine;
	struct lease_config lease;
	int r;

	config_lease(config, NO_ID, &lease);
	r = lease_start(event, &lease, &callbacks, NULL, &machine, err);
	if (!r)
		lease_end(machine);
	return r;
}

/* Checks the kubeconfig, or the settings in its place, and their files. */
static int check_login(sd_event *event, const struct config *config, struct err *err)
{
	struct source_options options;
	struct kube_login login = {};
	int r;

	config_source(config, &options);
	r = kube_login(event, &options.kubernetes, &login, err);
	kube_login_free(&login);
	return r;
}

/* Checks that @bpffs is a BPF file system and has no pins of another network namespace. A missing
 * permission isn't an error: a start runs as root. */
static int check_bpffs(const char *bpffs, struct err *err)
{
	struct pins pins = PINS_NONE;
	int r = pins_open(bpffs, &pins, err);

	pins_close(&pins);
	if (r < 0 && r != -ENOENT && r != -EACCES && r != -EPERM)
		return r;
	if (access(bpffs, W_OK) < 0 && errno != EACCES)
		return pin_err(err, negative_errno(), bpffs);
	return 0;
}

int start_check(const char *path, const struct config *config, struct err *err)
{
	sd_event *event;
	int r = sd_event_new(&event);

	if (r < 0)
		return err_set(err, r, "the event loop: %s", strerror(-r));
	r = check_files(path, config, err);
	r = r ?: check_bpffs(config->bpffs, err);
	r = r ?: check_lease(event, config, err);
	if (!r && config->kubernetes)
		r = check_login(event, config, err);
	sd_event_unref(event);
	return r;
}
