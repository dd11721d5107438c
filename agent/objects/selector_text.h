/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses a label selector in kubectl's notation, for annotations. */
#ifndef XDP_L2RESPD_SELECTOR_TEXT_H
#define XDP_L2RESPD_SELECTOR_TEXT_H

#include "err.h"
#include "selector.h"

/*
 * Parses "a=b,c!=d,e in (f, g),h notin (i),j,!k": requirements, ANDed; empty: none. -EINVAL with
 * @err, "NAME: message": malformed, or rejected by selector_parse(); *@ret_selector is then
 * untouched.
 */
int selector_parse_text(const char *name, const char *text, struct selector *ret_selector,
			struct err *err);

#endif
