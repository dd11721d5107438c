/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A label selector in kubectl's notation, for annotations, which are text. */
#ifndef XDP_L2RESPD_SELECTOR_TEXT_H
#define XDP_L2RESPD_SELECTOR_TEXT_H

#include "err.h"
#include "selector.h"

/*
 * "a=b,c!=d,e in (f, g),h notin (i),j,!k": requirements, ANDed. Empty: none. -EINVAL with @err,
 * "NAME: what", for anything else, and for what selector_parse() refuses; *ret_selector is then
 * untouched.
 */
int selector_parse_text(const char *name, const char *text, struct selector *ret_selector,
			struct err *err);

#endif
