// SPDX-License-Identifier: GPL-2.0-or-later
/* Which refused write says that the stream doesn't show a record: a list is asked for then. */
#include <criterion/criterion.h>

#include "refused.h"

Test(refused, once_more_with_the_stream_gone_on)
{
	struct refused *list = NULL;

	cr_expect_not(refused_again(&list, "a", 5));
	cr_expect_not(refused_again(&list, "a", 5), "the stream may show it yet");
	cr_expect(refused_again(&list, "a", 6));
	cr_expect_not(refused_again(&list, "b", 7), "each record for itself");
	refused_forget(&list);
	cr_expect_null(list);
	cr_expect_not(refused_again(&list, "a", 8));
	refused_forget(&list);
}

Test(refused, what_the_stream_has_shown_since_is_not_hidden)
{
	struct refused *list = NULL;

	refused_shown(&list, "a");
	cr_expect_not(refused_again(&list, "a", 5));
	cr_expect_not(refused_again(&list, "b", 5));
	refused_shown(&list, "a");
	cr_expect_not(refused_again(&list, "a", 6));
	cr_expect(refused_again(&list, "b", 6));
	refused_forget(&list);
}
