/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server of a fuzzer's: takes the place of agent/kube/http.c, and answers with what the input
 * says. No time passes: what is to be done later is done at once.
 */
#ifndef XDP_L2RESP_FUZZ_FAKE_SERVER_H
#define XDP_L2RESP_FUZZ_FAKE_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* The event loop, the same for all inputs. */
sd_event *server_event(void);

/* Called with a line that begins with no digit. */
typedef void server_line_fn(const uint8_t *line, size_t length);

/*
 * Answers by @script, a line at a time, and has the event loop turn in between. A line is a digit:
 * which request of those that wait is answered, counted from the newest; a letter: how, see ends[];
 * and the body. Other lines are for @other, which may be NULL.
 */
void server_run(const uint8_t *script, size_t size, server_line_fn *other);

#endif
