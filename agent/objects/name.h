/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kubernetes' rules for names: an API server has checked them, a file's author hasn't. Names end in
 * URLs, metrics, logs and other people's terminals. */
#ifndef XDP_L2RESPD_NAME_H
#define XDP_L2RESPD_NAME_H

#include <stdbool.h>

/* RFC 1123: of a Service, a namespace. */
bool name_is_label(const char *text);
/* Labels with dots between them: of a node and most other objects. */
bool name_is_subdomain(const char *text);
/* A label's key, [subdomain/]name, and value, which may be empty. */
bool name_is_key(const char *text);
bool name_is_value(const char *text);

#endif
