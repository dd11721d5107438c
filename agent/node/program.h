/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data path for the agent's main loop: the program on interfaces, the pins, and the entries'
 * answers. Functions that need the writers' lock say so. Only the lease thread writes the agent's
 * entries and their lease deadlines (lease_thread.h).
 */
#ifndef XDP_L2RESPD_PROGRAM_H
#define XDP_L2RESPD_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attach.h"
#include "conflict.h"
#include "counts.h"
#include "err.h"
#include "helper.h"
#include "link.h"
#include "responder.h"

struct program;

/* Opens the maps below @bpffs, and creates missing ones. Needs CAP_SYS_ADMIN if they served another
 * network namespace. @helper is borrowed. */
int program_new(const char *bpffs, struct helper *helper, struct program **ret_program,
		struct err *err);
void program_free(struct program *program);

/*
 * Takes the writers' lock and opens the current pins, unless it is held already. Functions below
 * marked "Locked" need it. -EAGAIN with @err: another process holds the lock; try again soon.
 */
int program_begin(struct program *program, struct err *err);
/* If the lock is held: adapts the interfaces' filters to changed entries (filter.h), and releases
 * the lock. */
void program_end(struct program *program);

/* Opens the current pins for reading, unless they are open already. The functions below read from
 * them; they need no lock. */
void program_follow(struct program *program);

/* Begins a visit of all leased entries. */
void program_visit_begin(struct program *program);
/* Calls the function for the next thousand of them, in any order. Returns 1, or 0 after the last
 * ones, or a negative errno with @err. If program_follow() has opened other pins, the visit begins
 * again. */
int program_visit_some(struct program *program, responder_visit_fn *visit, void *data,
		       struct err *err);

/* Sets @ret_room to the number of entries of each family that may still fit, as of the last
 * complete visit. Locked. */
void program_room(const struct program *program, size_t ret_room[PINS_FAMILIES]);

/* Would an entry of the agent's answer a request for @address on @ifindex now, and with which MAC?
 */
bool program_answers(struct program *program, const struct address *address, uint32_t ifindex,
		     uint8_t ret_mac[ETH_ALEN]);

/* Number of requests that the entry of @address on @ifindex has answered; 0: there is no entry. */
uint64_t program_answers_sent(struct program *program, const struct address *address,
			      uint32_t ifindex);

/* The other hosts that have used our addresses. The caller frees the table. */
int program_conflicts(struct program *program, struct conflict_table *ret_table, struct err *err);

/* An entry on @ifindex was added or @removed. @filtered: it may need the interface's filter
 * (filter.h), which program_end() then adapts. */
void program_touch(struct program *program, uint32_t ifindex, bool filtered, bool removed);
/* program_touch() for all interfaces' filters. */
void program_touch_all(struct program *program);
/* program_touch() for @ifindex's filters, 0: for all, since somebody may have changed them
 * (links.h). */
void program_group_left(uint32_t ifindex, void *program);
/* program_touch_all(), if an interface's filters couldn't be compared since the last call. */
void program_retry_filters(struct program *program);
/* Has program_end() work to do? */
bool program_touched(const struct program *program);

/* Lets the helper make room for @more entries of each family, and waits for it. Locked. -EAGAIN:
 * the helper is busy; -ENOSPC: the maximum is reached. */
int program_grow(struct program *program, const size_t more[PINS_FAMILIES], struct err *err);

/* hook_check() by the helper, waiting for the result. Takes the lock; -EAGAIN as program_begin().
 */
int program_check(struct program *program, const struct link *link,
		  const struct attach_options *options, struct err *err);

/* Lets the helper check @link, or attach to it (hook.h). Takes the lock, which must be kept until
 * program_answered(). -EAGAIN as program_begin(). */
int program_ask(struct program *program, enum helper_task task, const struct link *link,
		const struct attach_options *options, struct err *err);

/* The helper has answered. */
void program_answered(struct program *program, const struct helper_answer *answer);

/* The pinned ring buffer of struct conflict_event, and its map's id. Locked. Borrowed: don't close.
 */
int program_events(const struct program *program, uint32_t *ret_id);

/* Sums of all interfaces' outcome counts. Needs no lock. */
int program_counts(struct program *program, struct outcome_counts *ret_counts, struct err *err);

#endif
