/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Base64 (RFC 4648 section 4), the form of keys and values in etcd's JSON. */
#ifndef XDP_L2RESP_BASE64_H
#define XDP_L2RESP_BASE64_H

#include <stddef.h>

/* The caller frees the text. */
char *base64_encode(const void *bytes, size_t length);

/* Decodes @text into new memory, followed by a zero byte; the caller frees it. -EINVAL: @text isn't
 * base64. */
int base64_decode(const char *text, char **ret_bytes, size_t *ret_length);

#endif
