/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State of our program on each interface that policies select, and the next request to the helper.
 */
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

/* Borrows all three arguments. */
struct attachments *attachments_new(const struct links *links, struct program *program,
				    struct helper *helper);
void attachments_free(struct attachments *attachments);

/*
 * From now on the program must be on every interface of @selection. If that is @all of them, the
 * agent leaves the other interfaces to the administrator. @look: ask the kernel also about
 * interfaces that had the program and for which rtnetlink has reported no change.
 */
void attachments_select(struct attachments *attachments, const struct selection *selection,
			bool all, bool look);

/* Asks the kernel about all selected interfaces again. */
void attachments_recheck(struct attachments *attachments);

/*
 * Checks in this process, without the helper, which interfaces have the program already, so that
 * entries left by a previous agent process stay in use. Call it after each attachments_select()
 * until attachments_scan_done() has been called. -EAGAIN: another process holds the writers' lock.
 */
int attachments_check_now(struct attachments *attachments, const struct attach_options *options);

/* Allows requests to the helper from now on. */
void attachments_scan_done(struct attachments *attachments);
bool attachments_scanned(const struct attachments *attachments);

/* Sends the most urgent pending request to the helper. -EAGAIN: another process holds the writers'
 * lock. 1: an interface has become ready, or has stopped being ready. */
int attachments_request_next(struct attachments *attachments, struct links *links,
			     const struct attach_options *options);

/* Records the helper's answer. Returns 1 as attachments_request_next() does. */
int attachments_answered(struct attachments *attachments, const struct helper_answer *answer);

/* A desired_ready_fn: why the program isn't on @row; REASON_NONE: it is. @attachments is a struct
 * attachments. */
enum reason attachments_ready(const struct links_row *row, void *attachments,
			      struct err *ret_detail);

struct attachment_status {
	size_t count, failed;
	bool pending;	  /* the helper's answer about an interface is outstanding */
	struct err error; /* of the first interface that isn't ready; empty: all are ready */
};

void attachments_status(const struct attachments *attachments,
			struct attachment_status *ret_status);

#endif
