/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What YAML's plain scalars mean. */
#ifndef XDP_L2RESPD_SCALAR_H
#define XDP_L2RESPD_SCALAR_H

#include <jansson.h>

/* The null, boolean or number that @text is as a plain scalar of YAML 1.1, as in kubectl's parser:
 * a new reference. NULL: it is a string. */
json_t *scalar_value(const char *text);

#endif
