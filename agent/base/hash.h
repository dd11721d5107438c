/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uthash's tables. A failed allocation ends the process, as alloc.h's do. Nothing else includes
 * uthash.h. */
#ifndef XDP_L2RESPD_HASH_H
#define XDP_L2RESPD_HASH_H

#include "alloc.h"

#define uthash_fatal(message) alloc_fail()
#include <uthash.h>

#endif
