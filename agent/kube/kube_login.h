/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connects and authenticates to an API server: by a kubeconfig, by single settings, or as a pod. */
#ifndef XDP_L2RESPD_KUBE_LOGIN_H
#define XDP_L2RESPD_KUBE_LOGIN_H

#include "kube.h"

/* NULL: not given. Without @kubeconfig and @server: in-cluster. */
struct kube_login_options {
	const char *kubeconfig;		     /* file; its current-context is used */
	const char *server;		     /* URL */
	const char *token, *ca, *cert, *key; /* files */
	const char *namespace;
	uint64_t timeout_ns, retry_max_ns; /* of struct kube_config */
};

#define KUBE_LOGIN_LIMIT (4UL << 20) /* of a kubeconfig's size */
#define KUBE_LOGIN_FILES 4

struct kube_login {
	struct kube *kube;
	int files[KUBE_LOGIN_FILES]; /* memory files with the kubeconfig's inline data; 0: none */
};

/*
 * Errors with @err: -EINVAL for a kubeconfig that is invalid or uses an unsupported login (exec,
 * passwords), and the errors of kube_new(). *ret_login is untouched on failure.
 */
int kube_login(sd_event *event, const struct kube_login_options *options,
	       struct kube_login *ret_login, struct err *err);

/* Its watches must have been freed. Safe on a zeroed one. */
void kube_login_free(struct kube_login *login);

#endif
