/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the log says, by a boot clock that stands still until a test sets it. */
#ifndef XDP_L2RESP_TEST_SAID_H
#define XDP_L2RESP_TEST_SAID_H

#include <time.h>

/* What CLOCK_BOOTTIME is, in seconds. */
extern time_t boot_seconds;

/* From now on the log is kept. */
void said_begin(void);

/* How often @text is in it. */
unsigned int said(const char *text);

#endif
