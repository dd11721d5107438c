// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers of a server, as they are handed on in an event loop. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <criterion/criterion.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "http.h"

#define MS_NS UINT64_C(1000000)
/* seconds on an idle machine; some beside two dozen tasks */
#define DEADLINE (240 * CLOCK_NS_PER_S)

static sd_event *event;
static struct http *http;
static int listening;
static char url[64];
/* What was handed on, in order: "[" a stream has begun, a line, "]" the end with status and body.
 */
static char told[4096];
static unsigned int lines, lines_of[128], ends;
static struct http_call *cancel; /* with the first line */

/* ---- the server: a connection gets an answer, and is closed ---- */

struct script {
	const char *head, *line; /* the line is sent @count times */
	unsigned int count;
};

static void *serve(void *data)
{
	const struct script *script = data;
	int fd = accept(listening, NULL, NULL);
	char request[4096];
	FILE *out = fdopen(fd, "w");

	cr_assert_gt(recv(fd, request, sizeof(request), 0), 0);
	fprintf(out, "HTTP/1.1 %s", script->head);
	for (unsigned int i = 0; i < script->count; i++)
		fputs(script->line, out);
	fclose(out);
	return NULL;
}

/* ---- a server that leaves its connections open, and says in its answers which one it is ---- */

static const char *_Atomic first = "200 OK"; /* what requests over the first connection get */

static void *serve_all(void *data)
{
	char request[4096];
	int fd;

	for (unsigned int number = 1; (fd = accept(listening, NULL, NULL)) >= 0; number++) {
		while (recv(fd, request, sizeof(request), 0) > 0)
			dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: 1\r\n\r\n%u",
				number == 1 ? first : "200 OK", number);
		close(fd);
	}
	return NULL;
}

/* ---- libcurl's clock, in place of libc's ---- */

static int ahead_s;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int r = syscall(SYS_clock_gettime, clock, now);

	if (!r && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW))
		now->tv_sec += ahead_s;
	return r;
}

static void begin(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(listening, (struct sockaddr *)&address, size), 0);
	cr_assert_eq(listen(listening, 8), 0);
	cr_assert_eq(getsockname(listening, (struct sockaddr *)&address, &size), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(http_new(event, &(struct http_tls){}, &http, &err), 0);
}

static void end(void)
{
	http_free(http);
	sd_event_unref(event);
	close(listening);
}

TestSuite(http, .init = begin, .fini = end);

/* ---- the client ---- */

static void note(const char *text, size_t length)
{
	size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, "%.*s", (int)length, text);
}

static void on_line(const char *line, size_t length, void *name)
{
	note(name, strlen(name));
	note(line ? "<" : "[", 1);
	note(line ?: "", line ? length : 0);
	lines += line != NULL;
	lines_of[*(const unsigned char *)name] += line != NULL;
	if (line && cancel) {
		http_cancel(cancel);
		cancel = NULL;
	}
}

static void on_slow_line(const char *line, size_t length, void *name)
{
	uint64_t until_ns = clock_boot_ns() + MS_NS;

	on_line(line, length, name);
	while (clock_boot_ns() < until_ns)
		;
}

static void on_done(const struct http_result *result, void *name)
{
	char text[256];

	snprintf(text, sizeof(text), "%s]%d:%ld:%s", (const char *)name, result->error,
		 result->status, result->body);
	note(text, strlen(text));
	ends++;
}

static void play(void *(*server)(void *), void *data)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, server, data), 0);
	pthread_detach(thread);
}

static struct http_call *request(const char *name, http_line_fn *line)
{
	return http_send(http, &(struct http_request){ .method = "GET",
						       .url = url,
						       .timeout_ns = DEADLINE,
						       .done = on_done,
						       .line = line,
						       .userdata = (void *)name });
}

static struct http_call *ask(struct script *script, const char *name, http_line_fn *line)
{
	play(serve, script);
	return request(name, line);
}

/* Returns how many lines the most turn of the loop had. */
static unsigned int run_until(unsigned int count)
{
	uint64_t until_ns = clock_boot_ns() + DEADLINE;
	unsigned int most = 0;

	while (ends < count) {
		unsigned int before = lines;

		cr_assert_geq(sd_event_run(event, 100000), 0);
		cr_assert_lt(clock_boot_ns(), until_ns, "%s", told);
		most = lines - before > most ? lines - before : most;
	}
	return most;
}

Test(http, lines_come_before_the_end)
{
	struct script script = { "200 OK\r\n\r\n", "a\nbb\n\nrest", 1 };

	ask(&script, "", on_line);
	run_until(1);
	cr_expect_str_eq(told, "[<a<bb<]0:200:rest");
}

Test(http, an_answer_that_is_no_stream_has_no_lines)
{
	struct script gone = { "410 Gone\r\n\r\n", "a\nb\n", 1 };
	struct script early = { "103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "a\n", 1 };

	ask(&gone, "", on_line);
	run_until(1);
	cr_expect_str_eq(told, "]0:410:a\nb\n");
	told[0] = '\0';
	ask(&early, "", on_line);
	run_until(2);
	cr_expect_str_eq(told, "[<a]0:200:");
}

Test(http, a_line_may_end_its_call)
{
	/* the server may still be at it when the test ends */
	static struct script script = { "200 OK\r\n\r\n", "a\n", 3 };

	cancel = ask(&script, "", on_line);
	while (cancel)
		cr_assert_geq(sd_event_run(event, 100000), 0);
	ask(&script, "", on_line);
	run_until(1);
	cr_expect_str_eq(told, "[<a[<a<a<a]0:200:");
}

/* 40 MB each, whose lines take 1 ms: both streams go on, and the server has to wait. */
Test(http, a_turn_takes_some_lines)
{
	_cleanup_free_ char *line = xasprintf("%0100000d\n", 0);
	struct script first = { "200 OK\r\n\r\n", line, 400 }, second = first;

	ask(&first, "x", on_slow_line);
	ask(&second, "y", on_slow_line);
	cr_expect_leq(run_until(1), 3);
	cr_expect_geq(lines_of['x'], 200);
	cr_expect_geq(lines_of['y'], 200);
	cr_expect_leq(run_until(2), 3);
	cr_expect_eq(lines, 800);
}

/* With a client certificate. */
static void begin_certified(void)
{
	struct err err;

	http_free(http);
	cr_assert_eq(http_new(event, &(struct http_tls){ .cert = "/dev/null" }, &http, &err), 0);
	play(serve_all, NULL);
}

/* What is told of @count requests, one after the other. */
static const char *in_turn(unsigned int count, int seconds_apart)
{
	told[0] = '\0';
	for (unsigned int i = 0; i < count; i++) {
		request("", NULL);
		run_until(ends + 1);
		ahead_s += seconds_apart;
	}
	return told;
}

Test(http, a_connection_whose_certificate_expired)
{
	begin_certified();
	cr_expect_str_eq(in_turn(2, 0), "]0:200:1]0:200:1");
	first = "401 Unauthorized";
	cr_expect_str_eq(in_turn(3, 0), "]0:401:1]0:200:2]0:200:2");
}

/* Though its connection is never left idle for long. */
Test(http, a_certificate_that_was_renewed_is_used_within_three_minutes)
{
	begin_certified();
	cr_expect_str_eq(in_turn(2, 60), "]0:200:1]0:200:1");
	in_turn(1, 60);
	cr_expect_str_eq(in_turn(1, 60), "]0:200:2");
}
