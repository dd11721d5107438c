/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logs one sentence per line to standard error. If the journal reads it, each line begins with
 * sd-daemon(3)'s priority prefix, which the journal removes. Callers never block, but after
 * log_wait_for_reader(): lines that can't be written at once are queued for log_start()'s thread,
 * up to a limit. Once there is room again, a line says how many were lost.
 */
#ifndef XDP_L2RESPD_LOG_H
#define XDP_L2RESPD_LOG_H

#include <stdint.h>
#include <syslog.h>

void log_say(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From now on callers block until standard error can be written, as those of a command may, so that
 * no line is lost. Only for processes without log_start(). */
void log_wait_for_reader(void);

/* Starts the thread that writes queued lines. -errno: it can't be started. */
int log_start(void);

/* The calling thread always queues its lines, even if they could be written at once. */
void log_only_keep(void);

/* Waits up to @usec for the queued lines to be written. Call it before the process ends. */
void log_flush(uint64_t usec);

/* Number of different errors that are remembered as logged. */
#define LOG_ERRORS 4

/* Limits lines of one kind whose number depends on outsiders or on the number of addresses. Zeroed:
 * none logged yet. */
struct log_limit {
	uint64_t since_ns;
	uint64_t said, left_out;
	struct {
		uint64_t hash, at_ns;
	} errors[LOG_ERRORS];
};

/* As log_say(), but at most 10 lines in 10 s, and the same error once a minute. */
void log_limited(struct log_limit *limit, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As log_limited(), but the same error is logged again, since lines about its end come between. */
void log_alternating(struct log_limit *limit, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Call it from time to time: after the 10 s it logs how many lines were left out. */
void log_limit_tick(struct log_limit *limit, int priority);

/* Warnings of the loader's library, and others in the main thread: all have one limit. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* log_limit_tick() of log_warn()'s limit. */
void log_tick(void);

#endif
