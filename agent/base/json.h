/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESPD_JSON_H
#define XDP_L2RESPD_JSON_H

#include <jansson.h>

#include "cleanup.h"

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(cleanup_json)

#endif
