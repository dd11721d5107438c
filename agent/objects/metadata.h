/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every Kubernetes object has: its metadata, and a name in it. */
#ifndef XDP_L2RESPD_METADATA_H
#define XDP_L2RESPD_METADATA_H

#include <stdbool.h>
#include <jansson.h>

#include "err.h"
#include "field.h"

/* metadata of @object (borrowed) and its name, which the caller frees. 0, or -EINVAL with @err
 * where either is missing, or the name isn't @valid (name.h). */
int metadata_parse(const struct place *place, const json_t *object, json_t **ret_metadata,
		   char **ret_name, bool (*valid)(const char *text), struct err *err);

#endif
