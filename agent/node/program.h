/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data path, as the agent's main loop sees it: the program on interfaces, what is pinned, what
 * entries answer. The writers' lock is held where it says so. The agent's entries and their stamps
 * are the lease thread's to write (lease_thread.h).
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

/* Opens the maps below @bpffs, and creates those that are absent. Needs CAP_SYS_ADMIN where they
 * served another network namespace. @helper is borrowed. */
int program_new(const char *bpffs, struct helper *helper, struct program **ret_program,
		struct err *err);
void program_free(struct program *program);

/*
 * Takes the writers' lock and opens what is pinned now, unless that is done already: the functions
 * below that say so need it. -EAGAIN with @err: another writer is at work; try again soon.
 */
int program_begin(struct program *program, struct err *err);
/* Lets frames for the addresses that came in (filter.h), and gives the lock back, if it is held. */
void program_end(struct program *program);

/* Opens for reading what is pinned now, if it isn't open already. What is read below comes from
 * there; no lock is needed. */
void program_follow(struct program *program);

/* Shows all entries that are leased, in no order. */
int program_visit(struct program *program, responder_visit_fn *visit, void *data, struct err *err);

/* Into *@ret_room: for how many more entries of each family there may be room, by the last
 * program_visit(). Locked. */
void program_room(const struct program *program, size_t ret_room[PINS_FAMILIES]);

/* Would a request for @address on @ifindex be answered now by an entry of the agent's, and with
 * which MAC? */
bool program_answers(struct program *program, const struct address *address, uint32_t ifindex,
		     uint8_t ret_mac[ETH_ALEN]);

/* How many requests the entry of @address on @ifindex answered; 0 where there is none. */
uint64_t program_answers_sent(struct program *program, const struct address *address,
			      uint32_t ifindex);

/* The other hosts that were seen using addresses of ours; the caller frees the table. */
int program_conflicts(struct program *program, struct conflict_table *ret_table, struct err *err);

/* An entry on @ifindex came or went, and was @removed. @filtered: it may need something of the
 * interface's filter (filter.h), which is to follow. */
void program_touch(struct program *program, uint32_t ifindex, bool filtered, bool removed);
/* The same for all interfaces' filters. */
void program_touch_all(struct program *program);
/* Is there something that program_end() has to do? */
bool program_touched(const struct program *program);

/* Has the helper make room for so many @more of each family, and waits for it. Locked. -EAGAIN: it
 * is at work; -ENOSPC: there may not be more. */
int program_grow(struct program *program, const size_t more[PINS_FAMILIES], struct err *err);

/* hook_check(), waited for. It takes the lock; -EAGAIN as program_begin()'s. */
int program_check(struct program *program, const struct link *link,
		  const struct attach_options *options, struct err *err);

/* Has the helper check @link, or attach to it (hook.h). It takes the lock, which is to be kept
 * until program_answered(). -EAGAIN as program_begin()'s. */
int program_ask(struct program *program, enum helper_task task, const struct link *link,
		const struct attach_options *options, struct err *err);

/* The helper has answered. */
void program_answered(struct program *program, const struct helper_answer *answer);

/* The ring buffer of struct conflict_event that is pinned, and its map's id. Locked, and not to be
 * closed. */
int program_events(const struct program *program, uint32_t *ret_id);

/* Outcome counts of all interfaces together. Without the lock. */
int program_counts(struct program *program, struct outcome_counts *ret_counts, struct err *err);

#endif
