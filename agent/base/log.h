/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One sentence a line on standard error; where the journal reads that, behind sd-daemon(3)'s
 * priority prefix, which it takes off. Nobody waits for whoever reads it: lines that can't be
 * written at once are kept for log_start()'s thread, a bounded number of them; how many were lost
 * is said when there is room again.
 */
#ifndef XDP_L2RESPD_LOG_H
#define XDP_L2RESPD_LOG_H

#include <stdint.h>
#include <syslog.h>

void log_say(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same as a warning: what the loader's library notes. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on lines may be kept, for a thread that writes them. -errno of its start. */
int log_start(void);

/* The calling thread never writes itself, even where it could at once. */
void log_only_keep(void);

/* Waits up to @usec for the kept lines to be written: before the process ends. */
void log_flush(uint64_t usec);

/* How many different errors are remembered as said. */
#define LOG_ERRORS 4

/* Lines of one kind that outsiders, or the number of addresses, could make any number of. All zero
 * to begin with. */
struct log_limit {
	uint64_t since_ns;
	uint64_t said, left_out;
	struct {
		uint64_t hash, at_ns;
	} errors[LOG_ERRORS];
};

/* As log_say(), for at most 10 lines in 10 s. An error that lasts is said once a minute. */
void log_limited(struct log_limit *limit, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* To be called now and then: says after the 10 s how many lines were left out. */
void log_limit_tick(struct log_limit *limit, int priority);

#endif
