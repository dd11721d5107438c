// SPDX-License-Identifier: GPL-2.0-or-later
/* An interface that somebody makes fail in another way each time: the log is bounded. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <net/if.h>
#include <criterion/criterion.h>

#include "attachments.h"
#include "said.h"

#define LINES	10
#define SECONDS 10

Test(attachments, failures_are_limited)
{
	struct helper_answer answer = { .task = HELPER_CHECK, .result = -EBUSY };
	struct attachments *attachments;
	struct selected lo = {};
	struct selection selection = { .list = &lo, .count = 1 };
	struct links *links;
	struct err err;

	said_begin();
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "unshare: %s", strerror(errno));
	cr_assert_eq(links_new(NULL, NULL, NULL, NULL, &links, &err), 0, "%s", err.text);
	attachments = attachments_new(links, NULL, NULL);
	lo.ifindex = answer.ifindex = if_nametoindex("lo");
	attachments_select(attachments, &selection, true, false);
	for (unsigned int i = 0; i < 4 * LINES; i++) {
		err_write(&answer.err, "lo: program %u is in the way", i);
		attachments_answered(attachments, &answer);
		attachments_answered(attachments, &answer);
	}
	cr_assert_eq(said(" is in the way\n"), LINES);
	attachments_recheck(attachments);
	cr_assert_eq(said("more"), 0);
	boot_seconds += SECONDS;
	attachments_recheck(attachments);
	cr_assert_eq(said("and 30 more like these\n"), 1);
	attachments_free(attachments);
	links_free(links);
}
