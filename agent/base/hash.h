/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uthash's tables, by alloc.h's rule: memory is always there. Nothing else includes uthash.h. */
#ifndef XDP_L2RESPD_HASH_H
#define XDP_L2RESPD_HASH_H

#include "alloc.h"

#define uthash_fatal(message) alloc_fail()
#include <uthash.h>

#endif
