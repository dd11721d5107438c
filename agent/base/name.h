/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kubernetes' rules for names. An API server has checked them, but files need a check, since names
 * get into URLs, metrics, logs and terminals. */
#ifndef XDP_L2RESPD_NAME_H
#define XDP_L2RESPD_NAME_H

#include <stdbool.h>

/* RFC 1123 label: name of a Service or a namespace. */
bool name_is_label(const char *text);
/* RFC 1123 subdomain: name of a node and of most other objects. */
bool name_is_subdomain(const char *text);
/* A label's key, [subdomain/]name, and value, which may be empty. */
bool name_is_key(const char *text);
bool name_is_value(const char *text);

#endif
