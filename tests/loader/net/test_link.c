// SPDX-License-Identifier: GPL-2.0-or-later
/* Which interfaces hide the outer VLAN tag from XDP. */
#include <stdio.h>
#include <criterion/criterion.h>

#include "link.h"

Test(link, hides_tags)
{
	static const struct {
		const char *kind;
		bool native, hides;
	} rows[] = {
		{ "", false, false },	   { "veth", false, false },
		{ "vlan", false, false },  { "bond", false, true },
		{ "bond", true, false },   { "team", false, true },
		{ "bridge", false, true }, { "macvlan", false, true },
		{ "vxlan", false, false }, { "openvswitch", false, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct link link = { .native = rows[i].native };

		snprintf(link.kind, sizeof(link.kind), "%s", rows[i].kind);
		cr_expect_eq(link_hides_tags(&link), rows[i].hides, "'%s', native %d", rows[i].kind,
			     rows[i].native);
	}
}
