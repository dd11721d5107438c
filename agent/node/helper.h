/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that keeps CAP_SYS_ADMIN, for what is asked of the kernel by program id. It is forked
 * before the agent reads anything that others write, and ends with it. It takes messages of fixed
 * size that name an interface and how to attach, or a size; nothing else can be asked of it. It
 * works on the pinned maps under the lock that the agent holds until it has answered, and never
 * writes entries: the agent may do that meanwhile, unless the maps themselves are replaced.
 */
#ifndef XDP_L2RESPD_HELPER_H
#define XDP_L2RESPD_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "err.h"
#include "pins.h"

enum helper_task {
	HELPER_CHECK, /* hook.h has these */
	HELPER_ATTACH,
	HELPER_GROW, /* grow_responders(); no room: what was begun is finished */
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
	int32_t result; /* as the function's */
	struct err err;
};

struct helper;

/* Forks the helper of the pins below @bpffs, from a process of one thread. */
int helper_start(const char *bpffs, struct helper **ret_helper, struct err *err);

/* It ends, once it has done what it is doing. */
void helper_free(struct helper *helper);

typedef void helper_answered_fn(const struct helper_answer *answer, void *userdata);

/* Has answers told from @event's loop. The loop ends with status 1 when the helper is gone: without
 * its capability no other one can be started. */
int helper_follow(struct helper *helper, sd_event *event, helper_answered_fn *answered,
		  void *userdata);

/* Was something asked that isn't answered yet? One thing at a time. */
bool helper_busy(const struct helper *helper);

int helper_send(struct helper *helper, const struct helper_request *request, struct err *err);

/* Asks and waits. Returns the answer's result, with its @err. */
int helper_call(struct helper *helper, const struct helper_request *request, struct err *err);

/* Ends the helper if its answer is overdue; what helper_follow() says comes then. */
void helper_watch(struct helper *helper);

#endif
