/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our program on the interfaces that policies select: what became of it on each, and what the
 * helper is to do next. */
#ifndef XDP_L2RESPD_ATTACHMENTS_H
#define XDP_L2RESPD_ATTACHMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "attach.h"
#include "helper.h"
#include "links.h"
#include "policy.h"
#include "program.h"

struct attachments;

/* Borrows all three. */
struct attachments *attachments_new(const struct links *links, struct program *program,
				    struct helper *helper);
void attachments_free(struct attachments *attachments);

/*
 * The program is to be on every interface of @selection, and on no other: what an administrator
 * does there is no business of ours. @look: ask the kernel even where it was there and rtnetlink
 * tells of nothing new.
 */
void attachments_select(struct attachments *attachments, const struct selection *selection,
			bool look);

/* Asks the kernel for all of them again. */
void attachments_look(struct attachments *attachments);

/*
 * Finds out at once where the program is already: what a former process left for these interfaces
 * goes on. To be called after each attachments_select() until attachments_found() was. -EAGAIN:
 * another writer is at work.
 */
int attachments_look_first(struct attachments *attachments, const struct attach_options *options);

/* From now on the helper may be asked. */
void attachments_found(struct attachments *attachments);
bool attachments_are_found(const struct attachments *attachments);

/* Has the helper do the most urgent of what is due. -EAGAIN: another writer is at work. 1: an
 * interface is ready now that wasn't, or the other way round. */
int attachments_ask(struct attachments *attachments, struct links *links,
		    const struct attach_options *options);

/* What the helper said. Returns as attachments_ask(). */
int attachments_answered(struct attachments *attachments, const struct helper_answer *answer);

/* Why the program isn't on @row; REASON_NONE: it is. @attachments is a struct attachments; as
 * desired_ready_fn. */
enum reason attachments_ready(const struct link_row *row, void *attachments,
			      struct err *ret_detail);

struct attachment_status {
	size_t count, failed;
	bool pending;	  /* the helper has still to say what became of one */
	struct err error; /* of the first that isn't ready; empty: all are */
};

void attachments_status(const struct attachments *attachments,
			struct attachment_status *ret_status);

#endif
