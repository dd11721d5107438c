/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESPD_LOG_H
#define XDP_L2RESPD_LOG_H

#include <syslog.h>

/* One sentence on standard error; where the journal reads that, behind sd-daemon(3)'s priority
 * prefix, which it takes off. */
void log_say(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same as a warning: what the loader's library notes. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
