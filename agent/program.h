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
#include "link.h"

struct program;

/* Opens the maps below @bpffs, and creates those that are absent. */
int program_new(const char *bpffs, struct program **ret_program, struct err *err);
void program_free(struct program *program);

/* To be called before the first stamp: they follow each other @renewal_ns apart. */
int program_expect_stamps(struct program *program, uint64_t renewal_ns, struct err *err);

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
 * done until then stays, and the next call does the rest.
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

/* Until when entries in @slot may answer; 0: it never was stamped. */
uint64_t program_stamped(const struct program *program, uint8_t slot);

/* Is our program on @link, reading the pinned maps? 1, 0 or a negative errno. Locked. */
int program_attached(struct program *program, const struct link *link, struct err *err);

/* Puts our program on @link, and records it. Locked. */
int program_attach(struct program *program, const struct link *link,
		   const struct attach_options *options, struct attach_outcome *ret_outcome,
		   struct err *err);

/* Makes the twin that explain asks of our program there; program_attach() leaves it out, since
 * answering comes first. Locked. */
int program_twin(struct program *program, const struct link *link, struct err *err);

/* The ring buffer of struct conflict_event that is pinned, and its map's id. Locked, and not to be
 * closed. */
int program_events(const struct program *program, uint32_t *ret_id);

/* Has the agent an entry of @address, on whichever interface? Locked. */
bool program_has(struct program *program, const struct address *address);

/* Outcome counts of all interfaces together. Without the lock. */
int program_counts(struct program *program, struct outcome_counts *ret_counts, struct err *err);

#endif
