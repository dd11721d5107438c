/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How an API server is reached and who one is there: by a kubeconfig, by its parts, or as a pod. */
#ifndef XDP_L2RESPD_KUBE_LOGIN_H
#define XDP_L2RESPD_KUBE_LOGIN_H

#include "kube.h"

/* NULL: not given. Without @kubeconfig and @server: in-cluster. */
struct kube_login_options {
	const char *kubeconfig;		     /* file; its current-context counts */
	const char *server;		     /* URL */
	const char *token, *ca, *cert, *key; /* files */
	const char *namespace;
	uint64_t timeout_ns, retry_max_ns; /* of struct kube_config */
};

#define KUBE_LOGIN_LIMIT (4UL << 20) /* of a kubeconfig's size */
#define KUBE_LOGIN_FILES 4

struct kube_login {
	struct kube *kube;
	int files[KUBE_LOGIN_FILES]; /* in memory, of what the kubeconfig has inline; 0: none */
};

/*
 * -EINVAL with @err for a kubeconfig that is wrong or logs in by what isn't known here (exec,
 * passwords), and the errors of kube_new(). *ret_login is untouched on failure.
 */
int kube_login(sd_event *event, const struct kube_login_options *options,
	       struct kube_login *ret_login, struct err *err);

/* The kube's watches must be gone. Safe on a zeroed one. */
void kube_login_free(struct kube_login *login);

#endif
