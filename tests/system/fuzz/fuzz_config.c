// SPDX-License-Identifier: GPL-2.0-or-later
/* agent.yaml, or after a k a kubeconfig: what is wrong is refused with a sentence that names the
 * file, and what is right is safe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "fail.h"
#include "kube_login.h"
#include "name.h"
#include "fake_server.h"

static void check_config(const struct config *config)
{
	struct lease_config lease;
	struct source_options source;
	struct err err = {};

	if (lease_timing_check(config->engine, &config->timing, &err) < 0)
		fail("timings that aren't safe", err.text);
	if (!config->listen.port || !config->announce_rate || !config->bpffs || !config->node)
		fail("a value", "that is none");
	if (!config->directory == !config->kubernetes)
		fail("a source", "that is none, or two");
	config_lease(config, "", &lease);
	config_source(config, &source);
}

static int read_config(const char *path, struct err *err)
{
	struct config config;
	int r = config_read(path, &config, err);

	if (r < 0)
		return r;
	check_config(&config);
	config_free(&config);
	return 0;
}

static int read_kubeconfig(const char *path, struct err *err)
{
	const struct kube_login_options options = { .kubeconfig = path };
	struct kube_login login = {};
	int r = kube_login(server_event(), &options, &login, err);

	if (r < 0)
		return r;
	if (strncmp(kube_server(login.kube), "http", 4) != 0)
		fail("a server", kube_server(login.kube));
	kube_login_free(&login);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool kubeconfig = size && data[0] == 'k';
	int fd = memfd_create("config", 0), r;
	struct err err = {};
	char path[64];

	data += kubeconfig;
	size -= kubeconfig;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		fail("no file", path);
	r = kubeconfig ? read_kubeconfig(path, &err) : read_config(path, &err);
	if (r < 0 && !*err.text)
		fail("refused", "without a word");
	close(fd);
	return 0;
}
