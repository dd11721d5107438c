// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "text.h"
#include "text_hash.h"

#define LIMIT_NS    (10 * CLOCK_NS_PER_S)
#define LIMIT_LINES 10
/* The same error isn't logged again for this long. */
#define ERROR_NS (60 * CLOCK_NS_PER_S)

#define LINE_MAX_SIZE 1500
#define TEXT_MAX_SIZE 1400
#define KEPT_MAX      512

_Static_assert(LINE_MAX_SIZE < PIPE_BUF, "a line is written whole or not at all");

/* The queued lines. The lock is held to copy a line, never to write one. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	bool started;
	bool writing; /* a thread writes a line */
	char lines[KEPT_MAX][LINE_MAX_SIZE];
	size_t first, count;
	size_t lost;
} kept = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .filled = PTHREAD_COND_INITIALIZER,
	   .emptied = PTHREAD_COND_INITIALIZER };

static _Thread_local bool only_keep;

/* log_wait_for_reader() was called. */
static bool waits;

/* Of log_warn(). */
static struct log_limit warnings;

/* Is standard error the stream that systemd.exec(5) says the journal reads? */
static bool journal_reads(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

/* Can a line be written without blocking? If the process waits for its reader: once it can. */
static bool writable(void)
{
	struct pollfd pollfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&pollfd, 1, waits ? -1 : 0) == 1 && (pollfd.revents & POLLOUT);
}

static void write_line(const char *line)
{
	size_t length = strlen(line);
	ssize_t done;

	/* an error can't be reported anywhere */
	while (length && ((done = write(STDERR_FILENO, line, length)) > 0 || errno == EINTR)) {
		line += done > 0 ? done : 0;
		length -= done > 0 ? done : 0;
	}
}

static void keep(const char *line)
{
	if (kept.count == KEPT_MAX) {
		kept.lost++;
		return;
	}
	memcpy(kept.lines[(kept.first + kept.count++) % KEPT_MAX], line, strlen(line) + 1);
	pthread_cond_signal(&kept.filled);
}

static void put_line(const char *line)
{
	bool now;

	pthread_mutex_lock(&kept.lock);
	now = !kept.count && !kept.writing && !(kept.started && only_keep) && writable();
	if (now)
		kept.writing = true;
	else if (kept.started)
		keep(line);
	else
		kept.lost++;
	pthread_mutex_unlock(&kept.lock);
	if (!now)
		return;
	write_line(line);
	pthread_mutex_lock(&kept.lock);
	kept.writing = false;
	pthread_cond_broadcast(&kept.filled);
	pthread_cond_broadcast(&kept.emptied);
	pthread_mutex_unlock(&kept.lock);
}

/* Removes the next line from the queue, with the lock held. */
static void take_line(char line[LINE_MAX_SIZE])
{
	while ((!kept.count && !kept.lost) || kept.writing)
		pthread_cond_wait(&kept.filled, &kept.lock);
	if (!kept.count) {
		snprintf(line, LINE_MAX_SIZE,
			 "xdp-l2respd: %zu lines of the log were lost, since nobody read them\n",
			 kept.lost);
		kept.lost = 0;
		return;
	}
	memcpy(line, kept.lines[kept.first], LINE_MAX_SIZE);
	kept.first = (kept.first + 1) % KEPT_MAX;
	kept.count--;
}

static void *write_kept(void *unused)
{
	char line[LINE_MAX_SIZE];

	pthread_mutex_lock(&kept.lock);
	for (;;) {
		take_line(line);
		kept.writing = true;
		pthread_mutex_unlock(&kept.lock);
		write_line(line);
		pthread_mutex_lock(&kept.lock);
		kept.writing = false;
		if (!kept.count)
			pthread_cond_broadcast(&kept.emptied);
	}
	return unused;
}

void log_wait_for_reader(void)
{
	waits = true;
}

int log_start(void)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attributes, write_kept, NULL);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	kept.started = !r;
	return -r;
}

void log_only_keep(void)
{
	only_keep = true;
}

void log_flush(uint64_t usec)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += usec / 1000000;
	until.tv_nsec += usec % 1000000 * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&kept.lock);
	while ((kept.count || kept.writing) &&
	       !pthread_cond_clockwait(&kept.emptied, &kept.lock, CLOCK_MONOTONIC, &until))
		;
	pthread_mutex_unlock(&kept.lock);
}

static void say(int priority, const char *format, va_list args)
{
	char text[TEXT_MAX_SIZE], plain[TEXT_MAX_SIZE], line[LINE_MAX_SIZE], prefix[8] = "";

	text_vprintf(text, sizeof(text), format, args);
	/* one line per record: names in files may contain newlines */
	text_escape(plain, sizeof(plain), text);
	if (journal_reads())
		snprintf(prefix, sizeof(prefix), "<%d>", priority);
	snprintf(line, sizeof(line), "%s%s%s\n", prefix, *prefix ? "" : "xdp-l2respd: ", plain);
	put_line(line);
}

void log_say(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(priority, format, args);
	va_end(args);
}

void log_limit_tick(struct log_limit *limit, int priority)
{
	if (!limit->since_ns || clock_boot_ns() - limit->since_ns < LIMIT_NS)
		return;
	if (limit->left_out)
		log_say(priority, "and %llu more like these", (unsigned long long)limit->left_out);
	limit->since_ns = limit->said = limit->left_out = 0;
}

/* Was this error logged less than a minute ago? If not, remembers it in place of the oldest. */
static bool error_was_said(struct log_limit *limit, const char *text)
{
	uint64_t hash = hash_text(HASH_BEGIN, text), now_ns = clock_boot_ns();
	size_t oldest = 0;

	for (size_t i = 0; i < LOG_ERRORS; i++) {
		if (limit->errors[i].hash == hash && now_ns - limit->errors[i].at_ns < ERROR_NS)
			return true;
		if (limit->errors[i].at_ns < limit->errors[oldest].at_ns)
			oldest = i;
	}
	limit->errors[oldest].hash = hash;
	limit->errors[oldest].at_ns = now_ns;
	return false;
}

/* @once: an error is left out that was logged less than a minute ago. */
static void say_limited(struct log_limit *limit, bool once, int priority, const char *format,
			va_list args)
{
	char text[TEXT_MAX_SIZE];

	text_vprintf(text, sizeof(text), format, args);
	if (once && priority <= LOG_ERR && error_was_said(limit, text))
		return;
	log_limit_tick(limit, priority);
	if (!limit->since_ns)
		limit->since_ns = clock_boot_ns();
	if (limit->said == LIMIT_LINES) {
		limit->left_out++;
		return;
	}
	limit->said++;
	log_say(priority, "%s", text);
}

void log_limited(struct log_limit *limit, int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_limited(limit, true, priority, format, args);
	va_end(args);
}

void log_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_limited(&warnings, false, LOG_WARNING, format, args);
	va_end(args);
}

void log_tick(void)
{
	log_limit_tick(&warnings, LOG_WARNING);
}

void log_alternating(struct log_limit *limit, int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_limited(limit, false, priority, format, args);
	va_end(args);
}
