// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "json.h"
#include "kube.h"
#include "kube_state.h"

/* Files of a pod's service account. */
#define ACCOUNT	      "/var/run/secrets/kubernetes.io/serviceaccount/"
#define ACCOUNT_TOKEN ACCOUNT "token"
#define ACCOUNT_CA    ACCOUNT "ca.crt"
#define ACCOUNT_SPACE ACCOUNT "namespace"
#define DEFAULT_SPACE "xdp-l2resp"

#define FILE_MAX 16384 /* of a token */

/* The text in the file at @path, without the white space at its end. NULL with errno. */
static char *file_read(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *text = xcalloc(1, FILE_MAX);
	size_t length = 0;
	ssize_t r = 1;

	if (fd < 0)
		return NULL;
	while (r > 0 && length < FILE_MAX - 1) {
		r = read(fd, text + length, FILE_MAX - 1 - length);
		length += r > 0 ? r : 0;
	}
	if (r < 0)
		return NULL;
	while (length && strchr(" \t\r\n", text[length - 1]))
		text[--length] = '\0';
	return TAKE_PTR(text);
}

const char *kube_server(const struct kube *kube)
{
	return kube->server;
}

const char *kube_namespace(const struct kube *kube)
{
	return kube->namespace;
}

uint64_t kube_version(const json_t *object)
{
	return json_decimal(json_object_get(object, "metadata"), "resourceVersion");
}

const char *kube_trouble(const struct http_result *result, char text[HTTP_TROUBLE_MAX])
{
	return http_trouble(result, "message", "isn't Kubernetes'", text);
}

bool kube_trouble_changes(const struct http_result *result, struct err *last)
{
	char text[HTTP_TROUBLE_MAX];
	struct err former = *last;

	err_write(last, "%s", kube_trouble(result, text));
	return strcmp(last->text, former.text) != 0;
}

json_t *kube_copy(const json_t *object)
{
	json_t *copy = json_copy((json_t *)object);
	json_t *metadata = json_copy(json_object_get(object, "metadata"));

	json_object_del(metadata, "resourceVersion");
	json_object_del(metadata, "managedFields");
	if (metadata)
		json_object_set_new(copy, "metadata", metadata);
	return copy;
}

struct http_call *kube_send(struct kube *kube, struct http_request *request, const char *path)
{
	_cleanup_free_ char *url = xasprintf("%s%s", kube->server, path), *token = NULL;

	/* if it can't be read, the server's answer says that it is missing */
	if (kube->token_file)
		token = file_read(kube->token_file);
	request->url = url;
	request->token = token;
	if (!request->timeout_ns || request->timeout_ns > kube->timeout_ns)
		request->timeout_ns = kube->timeout_ns;
	return http_send(kube->http, request);
}

static struct http_call *write_body(struct kube *kube, const char *method, const char *content_type,
				    const char *path, const json_t *body, http_done_fn *done,
				    void *userdata)
{
	_cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	struct http_request request = { .method = method,
					.body = text,
					.content_type = content_type,
					.timeout_ns = KUBE_WRITE_NS,
					.done = done,
					.userdata = userdata };

	return kube_send(kube, &request, path);
}

struct http_call *kube_request(struct kube *kube, const char *method, const char *path,
			       const json_t *body, http_done_fn *done, void *userdata)
{
	return write_body(kube, method,
			  strcmp(method, "PATCH") ? NULL : "application/merge-patch+json", path,
			  body, done, userdata);
}

struct http_call *kube_merge_by_key(struct kube *kube, const char *path, const json_t *body,
				    http_done_fn *done, void *userdata)
{
	return write_body(kube, "PATCH", "application/strategic-merge-patch+json", path, body, done,
			  userdata);
}

void kube_free(struct kube *kube)
{
	if (!kube)
		return;
	http_free(kube->http);
	sd_event_unref(kube->event);
	free(kube->server);
	free(kube->namespace);
	free(kube->token_file);
	free(kube);
}

static void cleanup_kube(struct kube **kube)
{
	kube_free(*kube);
}

/* The URL of the server from a pod's environment. */
static int cluster_server(char text[HTTP_URL_MAX], struct err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");

	if (!host || !port)
		return err_set(err, -EINVAL,
			       "no Kubernetes server is named, and this is no pod of a cluster "
			       "(KUBERNETES_SERVICE_HOST and _PORT aren't set)");
	snprintf(text, HTTP_URL_MAX, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
		 port);
	return 0;
}

int kube_new(sd_event *event, const struct kube_config *config, struct kube **ret_kube,
	     struct err *err)
{
	_cleanup_(cleanup_kube) struct kube *kube = xcalloc(1, sizeof(*kube));
	struct http_tls tls = { config->ca, config->cert, config->key };
	const char *server = config->server, *token_file = config->token_file;
	char cluster[HTTP_URL_MAX];
	size_t length;
	int r;

	kube->event = sd_event_ref(event);
	kube->timeout_ns = config->timeout_ns;
	kube->retry_max_ns = config->retry_max_ns;
	if (!server) {
		r = cluster_server(cluster, err);
		if (r < 0)
			return r;
		server = cluster;
		tls.ca = tls.ca ?: ACCOUNT_CA;
		token_file = token_file ?: ACCOUNT_TOKEN;
		if (!config->namespace)
			kube->namespace = file_read(ACCOUNT_SPACE);
	}
	length = strlen(server);
	r = http_check_url(server, "server", err);
	if (r < 0)
		return r;
	while (server[length - 1] == '/')
		length--;
	kube->server = xstrndup(server, length);
	if (!kube->namespace)
		kube->namespace = xstrdup(config->namespace ?: DEFAULT_SPACE);
	if (token_file) {
		if (access(token_file, R_OK) < 0)
			return err_set(err, negative_errno(), "%s: %s", token_file,
				       strerror(errno));
		kube->token_file = xstrdup(token_file);
	}
	r = http_new(event, &tls, &kube->http, err);
	if (r < 0)
		return r;
	*ret_kube = TAKE_PTR(kube);
	return 0;
}
