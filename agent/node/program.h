/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The data path, as the agent sees it: its entries in the maps, the stamps of its lease slots, the
 * program on interfaces. All of it through the loader's library, under the writers' lock. */
#ifndef XDP_L2RESPD_PROGRAM_H
#define XDP_L2RESPD_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attach.h"
#include "counts.h"
#include "entry.h"
#include "err.h"
#include "helper.h"
#include "link.h"

struct program;

/* Opens the maps below @bpffs, and creates those that are absent. Needs CAP_SYS_ADMIN where they
 * served another network namespace. @helper is borrowed. */
int program_new(const char *bpffs, struct helper *helper, struct program **ret_program,
		struct err *err);
void program_free(struct program *program);

/* To be called before the first stamp: leases last @duration_ns. */
int program_expect_stamps(struct program *program, uint64_t duration_ns, struct err *err);

/*
 * Takes the writers' lock and opens what is pinned now, unless that is done already: the functions
 * below that say so need it. -EAGAIN with @err: another writer is at work; try again soon.
 */
int program_begin(struct program *program, struct err *err);
/* Lets frames for the addresses that were added in (filter.h), and gives the lock back, if it is
 * held. */
void program_end(struct program *program);

/* What program_apply() found and did. */
struct program_changes {
	size_t added;
	size_t deleted;
	size_t changed; /* another MAC or slot */
	size_t by_hand; /* wanted, but somebody has added them by hand: left alone */
	size_t present; /* the agent's entries afterwards */
};

/* Told of each change. @what: "added", "deleted", "changed", "by hand". */
typedef void program_change_fn(const char *what, const struct entry_key *key, void *userdata);
/* May the entry of @address in @slot stay, though it isn't wanted? */
typedef bool program_keep_fn(const struct address *address, uint8_t slot, void *userdata);

/*
 * Makes the entries in lease slots 1 to 255 those of @wanted, none of which is twice in it, by
 * difference, and makes the maps larger where they don't fit. Locked. Any error with @err; what was
 * done until then stays, and the next call does the rest. -EAGAIN: they must grow, and the helper
 * is at work; no entry was added or changed.
 */
int program_apply(struct program *program, const struct entry_table *wanted, program_keep_fn *keep,
		  program_change_fn *change, void *userdata, struct program_changes *ret_changes,
		  struct err *err);

/* The same for one entry that should be there. Locked. *ret_by_hand: somebody else's is there. */
int program_put(struct program *program, const struct entry_row *wanted, bool *ret_by_hand,
		struct err *err);

/* Deletes the agent's entries of @address, on whichever interface. Locked. */
int program_remove(struct program *program, const struct address *address, struct err *err);

/* Moves the stamp of @slot to @deadline_ns on CLOCK_BOOTTIME; lease_stamp_write()'s errors. */
int program_stamp(struct program *program, uint8_t slot, uint64_t deadline_ns, struct err *err);

/* Until when entries in @slot may answer; lease_stamp_read()'s errors. */
int program_stamped(const struct program *program, uint8_t slot, uint64_t *ret_deadline_ns,
		    struct err *err);

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

/* Has the agent an entry of @address, on whichever interface? 1, 0, or a negative errno with @err.
 * Locked. */
int program_has(struct program *program, const struct address *address, struct err *err);

/* Outcome counts of all interfaces together. Without the lock. */
int program_counts(struct program *program, struct outcome_counts *ret_counts, struct err *err);

#endif
