// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc.h"
#include "base64.h"
#include "cleanup.h"
#include "document.h"
#include "field.h"
#include "kube_login.h"

/* The settings of a kubeconfig. */
enum file {
	FILE_CA,
	FILE_CERT,
	FILE_KEY,
	FILE_TOKEN,
};

struct reading {
	const char *path;
	struct kube_login login;
	char *server, *namespace;
	char *files[KUBE_LOGIN_FILES];
	unsigned int documents;
};

static void reading_free(struct reading *reading)
{
	free(reading->server);
	free(reading->namespace);
	for (size_t i = 0; i < KUBE_LOGIN_FILES; i++)
		free(reading->files[i]);
	kube_login_free(&reading->login);
}

void kube_login_free(struct kube_login *login)
{
	kube_free(login->kube);
	for (size_t i = 0; i < KUBE_LOGIN_FILES; i++)
		if (login->files[i] > 0)
			close(login->files[i]);
	*login = (struct kube_login){};
}

static void replace(char **at, const char *text)
{
	free(*at);
	*at = xstrdup(text);
}

/* Writes credentials into a memory file, since curl reads them from files. */
static int keep(struct reading *reading, enum file which, const void *data, size_t size,
		struct err *err)
{
	int fd = memfd_create("kubeconfig", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
		int r = negative_errno();

		if (fd >= 0)
			close(fd);
		return err_set(err, r, "%s: keeping credentials: %s", reading->path, strerror(-r));
	}
	reading->login.files[which] = fd;
	free(reading->files[which]);
	reading->files[which] = xasprintf("/proc/self/fd/%d", fd);
	return 0;
}

/* The mapping under @section of the entry called @name in array @list of @root. */
static int find_named(const struct place *place, const json_t *root, const char *list,
		      const char *name, const char *section, json_t **ret_found, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = field_objects(place, root, list, &array, err);

	if (r < 0)
		return r;
	json_array_foreach(array, i, item)
	{
		const char *called = json_string_value(json_object_get(item, "name"));

		if (!called || strcmp(called, name) != 0)
			continue;
		*ret_found = NULL;
		r = field_get(place, item, section, FIELD_OBJECT, ret_found, err);
		return r < 0 ? r : 0;
	}
	return place_err(err, -EINVAL, place, root, list, "%s has nothing called %s", list, name);
}

/* Reads @key of @object, which is absent if it is empty, as in kubectl. */
static int get_text(const struct place *place, const json_t *object, const char *key,
		    const char **ret_text, struct err *err)
{
	int r = field_string(place, object, key, ret_text, err);

	return r > 0 && !**ret_text ? 0 : r;
}

/* Names a file by its path, which is relative to the kubeconfig's directory. */
static void name_file(struct reading *reading, enum file which, const char *path)
{
	_cleanup_free_ char *beside = xstrdup(reading->path), *whole = NULL;

	if (*path != '/')
		whole = xasprintf("%s/%s", dirname(beside), path);
	replace(&reading->files[which], whole ?: path);
}

/* KEY-data, in lines or not, or else KEY. */
static int parse_file(struct reading *reading, const struct place *place, const json_t *object,
		      const char *key, enum file which, struct err *err)
{
	_cleanup_free_ char *inline_key = xasprintf("%s-data", key), *line = NULL, *data = NULL;
	const char *text = NULL;
	size_t size = 0;
	int r;

	r = get_text(place, object, inline_key, &text, err);
	if (r > 0) {
		line = xcalloc(strlen(text) + 1, 1);
		for (size_t i = 0; *text; text++)
			if (!strchr("\r\n", *text))
				line[i++] = *text;
		r = base64_decode(line, &data, &size);
		if (r < 0)
			return place_err(err, -EINVAL, place, object, inline_key, "%s isn't base64",
					 inline_key);
		return keep(reading, which, data, size, err);
	}
	if (!r)
		r = get_text(place, object, key, &text, err);
	if (r > 0)
		name_file(reading, which, text);
	return r < 0 ? r : 0;
}

/* -EINVAL if @object has @key; @instead says what is known. */
static int refuse(const struct place *place, const json_t *object, const char *key,
		  const char *instead, struct err *err)
{
	return json_object_get(object, key) ? place_err(err, -EINVAL, place, object, key,
							"%s isn't known here; %s", key, instead)
					    : 0;
}

static int parse_cluster(struct reading *reading, const struct place *place, const json_t *cluster,
			 struct err *err)
{
	const char *server = NULL;
	bool insecure = false;
	int r = refuse(place, cluster, "proxy-url", "the server must be reached directly", err);

	if (!r)
		r = refuse(place, cluster, "tls-server-name",
			   "its certificate must be for its own name", err);
	if (!r)
		r = field_string(place, cluster, "server", &server, err);
	if (r >= 0)
		r = field_boolean(place, cluster, "insecure-skip-tls-verify", &insecure, err);
	if (r < 0)
		return r;
	if (!server)
		return place_err(err, -EINVAL, place, cluster, NULL, "the cluster has no server");
	if (insecure)
		return place_err(err, -EINVAL, place, cluster, "insecure-skip-tls-verify",
				 "a server that isn't verified isn't used");
	replace(&reading->server, server);
	return parse_file(reading, place, cluster, "certificate-authority", FILE_CA, err);
}

static int parse_user(struct reading *reading, const struct place *place, const json_t *user,
		      struct err *err)
{
	static const char *const refused[] = { "exec", "auth-provider", "username", "as" };
	const char *token = NULL;
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(refused) / sizeof(refused[0]); i++)
		r = refuse(place, user, refused[i], "a token or a certificate is", err);
	if (r < 0)
		return r;
	/* with both, kubectl prefers the file too: it may be newer */
	r = get_text(place, user, "tokenFile", &token, err);
	if (r > 0) {
		name_file(reading, FILE_TOKEN, token);
	} else if (!r) {
		r = get_text(place, user, "token", &token, err);
		if (r > 0)
			r = keep(reading, FILE_TOKEN, token, strlen(token), err);
	}
	if (r >= 0)
		r = parse_file(reading, place, user, "client-certificate", FILE_CERT, err);
	if (r >= 0)
		r = parse_file(reading, place, user, "client-key", FILE_KEY, err);
	return r;
}

static int parse_kubeconfig(const struct yaml_document *document, void *data, struct err *err)
{
	struct reading *reading = data;
	const struct place place = { reading->path, document };
	const char *name = NULL, *cluster_name = NULL, *user_name = NULL, *namespace = NULL;
	json_t *context = NULL, *cluster = NULL, *user = NULL;
	int r;

	if (json_is_null(document->root))
		return 0;
	if (reading->documents++ || !json_is_object(document->root))
		return place_err(err, -EINVAL, &place, NULL, NULL, "not one kubeconfig");
	r = field_string(&place, document->root, "current-context", &name, err);
	if (r < 0)
		return r;
	if (!name || !*name)
		return place_err(err, -EINVAL, &place, NULL, NULL, "no current-context is set");
	r = find_named(&place, document->root, "contexts", name, "context", &context, err);
	if (r >= 0)
		r = field_string(&place, context, "cluster", &cluster_name, err);
	if (r >= 0)
		r = field_string(&place, context, "user", &user_name, err);
	if (r >= 0)
		r = field_string(&place, context, "namespace", &namespace, err);
	if (r > 0)
		replace(&reading->namespace, namespace);
	if (r >= 0)
		r = find_named(&place, document->root, "clusters", cluster_name ?: "", "cluster",
			       &cluster, err);
	if (r >= 0)
		r = parse_cluster(reading, &place, cluster, err);
	if (r >= 0 && user_name)
		r = find_named(&place, document->root, "users", user_name, "user", &user, err);
	if (r >= 0)
		r = parse_user(reading, &place, user, err);
	return r < 0 ? r : 0;
}

static int read_kubeconfig(struct reading *reading, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r = yaml_read_file(reading->path, KUBE_LOGIN_LIMIT, &text, &size, err);

	if (!r)
		r = yaml_parse(reading->path, text, size, parse_kubeconfig, reading, err);
	if (!r && !reading->server)
		r = err_set(err, -EINVAL, "%s: an empty kubeconfig", reading->path);
	return r;
}

int kube_login(sd_event *event, const struct kube_login_options *options,
	       struct kube_login *ret_login, struct err *err)
{
	_cleanup_(reading_free) struct reading reading = { .path = options->kubeconfig };
	int r = options->kubeconfig ? read_kubeconfig(&reading, err) : 0;

	if (r < 0)
		return r;
	r = kube_new(event,
		     &(struct kube_config){
			     .server = reading.server ?: options->server,
			     .namespace = options->namespace ?: reading.namespace,
			     .token_file = reading.files[FILE_TOKEN] ?: options->token,
			     .ca = reading.files[FILE_CA] ?: options->ca,
			     .cert = reading.files[FILE_CERT] ?: options->cert,
			     .key = reading.files[FILE_KEY] ?: options->key,
			     .timeout_ns = options->timeout_ns,
			     .retry_max_ns = options->retry_max_ns,
		     },
		     &reading.login.kube, err);
	if (r < 0)
		return r;
	*ret_login = reading.login;
	reading.login = (struct kube_login){};
	return 0;
}
