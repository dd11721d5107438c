/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The metadata of a Kubernetes object, and its name. */
#ifndef XDP_L2RESPD_METADATA_H
#define XDP_L2RESPD_METADATA_H

#include <stdbool.h>
#include <jansson.h>

#include "err.h"
#include "field.h"

/* Gets @object's metadata (borrowed) and name, which the caller frees. -EINVAL with @err: either is
 * missing, or the name isn't @valid (name.h). */
int metadata_parse(const struct place *place, const json_t *object, json_t **ret_metadata,
		   char **ret_name, bool (*valid)(const char *text), struct err *err);

#endif
