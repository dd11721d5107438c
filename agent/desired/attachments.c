// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "attachments.h"
#include "cleanup.h"
#include "log.h"

/* Pending request to the helper, in ascending urgency. */
enum due {
	DUE_NOTHING,
	DUE_CHECK,
	DUE_ATTACH,
};

/* State of our program on an interface. */
enum attachment_state {
	ATTACHING, /* the helper looks for it or attaches it */
	ATTACHED,
	FAILED,
};

struct attachment {
	uint32_t ifindex;
	enum attachment_state state;
	enum due due;
	bool seen;	  /* rtnetlink has reported an XDP program since then */
	struct err error; /* empty: attached */
};

struct attachments {
	const struct links *links;
	struct program *program;
	struct helper *helper;
	struct attachment *list; /* at most as many as interfaces that can be recorded */
	size_t count;
	bool found;
	struct log_limit failures;
};

struct attachments *attachments_new(const struct links *links, struct program *program,
				    struct helper *helper)
{
	struct attachments *attachments = xcalloc(1, sizeof(*attachments));

	attachments->links = links;
	attachments->program = program;
	attachments->helper = helper;
	return attachments;
}

void attachments_free(struct attachments *attachments)
{
	if (!attachments)
		return;
	free(attachments->list);
	free(attachments);
}

static struct attachment *attachment_find(const struct attachments *attachments, uint32_t ifindex)
{
	for (size_t i = 0; i < attachments->count; i++)
		if (attachments->list[i].ifindex == ifindex)
			return &attachments->list[i];
	return NULL;
}

static const struct links_row *row_of(const struct attachments *attachments, uint32_t ifindex)
{
	return links_find(links_table(attachments->links), ifindex);
}

enum reason attachments_ready(const struct links_row *row, void *attachments,
			      struct err *ret_detail)
{
	const struct attachment *attachment = attachment_find(attachments, row->link.ifindex);

	if (attachment && attachment->state == ATTACHED)
		return REASON_NONE;
	if (!attachment || attachment->state == ATTACHING) {
		if (ret_detail)
			err_write(ret_detail, "%s", row->link.name);
		return REASON_NOT_ATTACHED;
	}
	if (ret_detail)
		*ret_detail = attachment->error;
	return REASON_ATTACH_REFUSED;
}

static struct attachment *attachment_get(struct attachments *attachments, const struct link *link)
{
	struct attachment *found = attachment_find(attachments, link->ifindex);

	if (found)
		return found;
	attachments->list = xreallocarray(attachments->list, attachments->count + 1,
					  sizeof(*attachments->list));
	found = &attachments->list[attachments->count++];
	*found = (struct attachment){ .ifindex = link->ifindex, .due = DUE_CHECK };
	err_write(&found->error, "%s: %s", link->name, reason_sentence(REASON_NOT_ATTACHED));
	return found;
}

/* Removes interfaces that no longer exist or aren't @selected, which is indexed like the links'
 * table. */
static void prune(struct attachments *attachments, const bool *selected)
{
	const struct links_table *links = links_table(attachments->links);
	size_t kept = 0;

	for (size_t i = 0; i < attachments->count; i++) {
		const struct links_row *row = row_of(attachments, attachments->list[i].ifindex);

		if (row && selected[row - links->rows])
			attachments->list[kept++] = attachments->list[i];
	}
	attachments->count = kept;
}

static void ensure(struct attachments *attachments, const struct links_row *row, bool look)
{
	struct attachment *attachment = attachment_get(attachments, &row->link);

	attachment->seen = attachment->seen || row->link.xdp_id;
	if (attachment->state == FAILED ||
	    (attachment->state == ATTACHED && (look || (!row->link.xdp_id && attachment->seen))))
		attachment->due = DUE_CHECK;
}

void attachments_select(struct attachments *attachments, const struct selection *selection,
			bool all, bool look)
{
	const struct links_table *links = links_table(attachments->links);
	_cleanup_free_ bool *selected = xcalloc(links->count + 1, sizeof(*selected));

	for (size_t i = 0; i < selection->count; i++) {
		const struct links_row *row = row_of(attachments, selection->list[i].ifindex);

		if (row)
			selected[row - links->rows] = true;
	}
	if (all)
		prune(attachments, selected);
	for (size_t l = 0; l < links->count; l++)
		if (selected[l])
			ensure(attachments, &links->rows[l], look);
}

void attachments_recheck(struct attachments *attachments)
{
	log_limit_tick(&attachments->failures, LOG_ERR);
	for (size_t i = 0; i < attachments->count; i++) {
		const struct links_row *row = row_of(attachments, attachments->list[i].ifindex);

		if (row)
			ensure(attachments, row, true);
	}
}

/* Records that the program is attached to @link, or, if @result is negative, that it can't be, with
 * @err. Returns whether the state has changed. */
static bool set_result(struct attachments *attachments, struct attachment *attachment,
		       const struct link *link, int result, const struct err *err)
{
	enum attachment_state former = attachment->state;

	if (result < 0 && strcmp(err->text, attachment->error.text) != 0)
		log_alternating(&attachments->failures, LOG_ERR, "%s", err->text);
	attachment->error.text[0] = '\0';
	if (result < 0)
		attachment->error = *err;
	attachment->state = result < 0 ? FAILED : ATTACHED;
	attachment->seen = link->xdp_id;
	return attachment->state != former;
}

/* Records the helper's @result of @task. Returns whether the state has changed. */
static bool set_task_result(struct attachments *attachments, struct attachment *attachment,
			    const struct link *link, uint32_t task, int result,
			    const struct err *err)
{
	if (task == HELPER_CHECK && !result) {
		attachment->due = DUE_ATTACH;
		return false;
	}
	return set_result(attachments, attachment, link, result, err);
}

int attachments_answered(struct attachments *attachments, const struct helper_answer *answer)
{
	struct attachment *attachment = attachment_find(attachments, answer->ifindex);
	const struct links_row *row = row_of(attachments, answer->ifindex);

	program_answered(attachments->program, answer);
	return attachment && row &&
	       set_task_result(attachments, attachment, &row->link, answer->task, answer->result,
			       &answer->err);
}

int attachments_check_now(struct attachments *attachments, const struct attach_options *options)
{
	for (size_t i = 0; i < attachments->count; i++) {
		struct attachment *attachment = &attachments->list[i];
		const struct links_row *row = row_of(attachments, attachment->ifindex);
		struct err err;
		int r;

		if (!row || attachment->due != DUE_CHECK)
			continue;
		r = program_check(attachments->program, &row->link, options, &err);
		if (r == -EAGAIN)
			return r;
		attachment->due = DUE_NOTHING;
		set_task_result(attachments, attachment, &row->link, HELPER_CHECK, r, &err);
	}
	return 0;
}

void attachments_scan_done(struct attachments *attachments)
{
	attachments->found = true;
}

bool attachments_scanned(const struct attachments *attachments)
{
	return attachments->found;
}

static struct attachment *most_urgent(const struct attachments *attachments)
{
	struct attachment *most = NULL;

	for (size_t i = 0; i < attachments->count; i++) {
		struct attachment *attachment = &attachments->list[i];

		if (attachment->due > (most ? most->due : DUE_NOTHING) &&
		    row_of(attachments, attachment->ifindex))
			most = attachment;
	}
	return most;
}

int attachments_request_next(struct attachments *attachments, struct links *links,
			     const struct attach_options *options)
{
	bool may = attachments->found && !helper_busy(attachments->helper);
	struct attachment *attachment = may ? most_urgent(attachments) : NULL;
	const struct link *link;
	enum helper_task task;
	struct err err;
	int r;

	if (!attachment)
		return 0;
	task = attachment->due == DUE_ATTACH ? HELPER_ATTACH : HELPER_CHECK;
	link = &row_of(attachments, attachment->ifindex)->link;
	r = program_ask(attachments->program, task, link, options, &err);
	if (r == -EAGAIN)
		return r;
	attachment->due = DUE_NOTHING;
	if (r < 0)
		return set_result(attachments, attachment, link, r, &err);
	if (task == HELPER_ATTACH)
		links_attaching(links, link->ifindex);
	return 0;
}

void attachments_status(const struct attachments *attachments, struct attachment_status *ret_status)
{
	struct attachment_status status = { .count = attachments->count };

	for (size_t i = 0; i < attachments->count; i++) {
		const struct attachment *attachment = &attachments->list[i];

		status.failed += attachment->state == FAILED;
		status.pending = status.pending || attachment->state == ATTACHING;
		if (!*status.error.text)
			status.error = attachment->error;
	}
	*ret_status = status;
}
