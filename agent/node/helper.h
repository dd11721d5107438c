/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that keeps CAP_SYS_ADMIN, which looking up programs by id needs. It is forked before
 * the agent reads any foreign input, and ends with it. Its only requests are messages of fixed size
 * that name an interface and how to attach, or a map size. It works on the pinned maps under the
 * lock that the agent holds until it has answered. It never writes entries, so the agent may write
 * them meanwhile, unless the maps themselves are replaced.
 */
#ifndef XDP_L2RESPD_HELPER_H
#define XDP_L2RESPD_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "err.h"
#include "pins.h"

enum helper_task {
	HELPER_CHECK, /* hook_check() */
	HELPER_ATTACH,
	HELPER_GROW, /* grow_responders(), or, with a size of 0, grow_settle() */
};

struct helper_request {
	uint32_t task;
	uint32_t ifindex;
	uint32_t mode; /* enum attach_mode */
	uint32_t priority;
	uint32_t room[PINS_FAMILIES];
};

struct helper_answer {
	uint32_t task;
	uint32_t ifindex;
	int32_t result; /* of the function */
	struct err err;
};

struct helper;

/* Forks the helper for the pins below @bpffs. The process must have one thread only. */
int helper_start(const char *bpffs, struct helper **ret_helper, struct err *err);

/* Ends the helper after its current request. */
void helper_free(struct helper *helper);

typedef void helper_answered_fn(const struct helper_answer *answer, void *userdata);

/* Calls the callback for answers from @event's loop. If the helper ends, the loop ends with status
 * 1, since no other helper can be started without its capability. */
int helper_follow(struct helper *helper, sd_event *event, helper_answered_fn *answered,
		  void *userdata);

/* Is an answer outstanding? Only one request at a time is possible. */
bool helper_busy(const struct helper *helper);

int helper_send(struct helper *helper, const struct helper_request *request, struct err *err);

/* Sends a request and waits for the answer. Returns its result, with its @err. */
int helper_call(struct helper *helper, const struct helper_request *request, struct err *err);

/* Ends the helper if its answer is overdue, and with it the loop (helper_follow()). */
void helper_watch(struct helper *helper);

#endif
