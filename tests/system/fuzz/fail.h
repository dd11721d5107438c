/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libFuzzer takes for a crash, and keeps the input of. */
#ifndef XDP_L2RESP_TESTS_FAIL_H
#define XDP_L2RESP_TESTS_FAIL_H

#include <stdio.h>
#include <stdlib.h>

static inline __attribute__((noreturn)) void fail(const char *what, const char *text)
{
	fprintf(stderr, "%s: %s\n", what, text);
	abort();
}

#endif
