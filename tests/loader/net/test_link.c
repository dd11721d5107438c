// SPDX-License-Identifier: GPL-2.0-or-later
/* Which interfaces hide the outer VLAN tag from XDP; what a notification says. */
#include <stdio.h>
#include <criterion/criterion.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

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

Test(link, event)
{
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct link link;

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, "bond0");
	link_from_message(message, &link);
	cr_expect_eq(link.event, IFLA_EVENT_NONE);
	mnl_attr_put_u32(message, IFLA_EVENT, IFLA_EVENT_NOTIFY_PEERS);
	link_from_message(message, &link);
	cr_expect_eq(link.event, IFLA_EVENT_NOTIFY_PEERS);
	cr_expect_str_eq(link.name, "bond0");
}
