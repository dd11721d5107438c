// SPDX-License-Identifier: GPL-2.0-or-later
/* Dumps that the kernel says are interrupted: interfaces came or went between two messages. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <net/if.h>
#include <sys/socket.h>
#include <criterion/criterion.h>
#include <linux/rtnetlink.h>

#include "netlink.h"

#define LINKS 16

static int interruptions; /* how many dumps are still to be interrupted */
static int seen[LINKS];	  /* callbacks by ifindex */

/* As libmnl calls it. Marks the last link, so that the others would be seen twice. */
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t (*next)(int, struct msghdr *, int) = dlsym(RTLD_NEXT, "recvmsg");
	ssize_t length = next(fd, message, flags);
	struct nlmsghdr *header = message->msg_iov->iov_base, *last = NULL;

	for (ssize_t left = length; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
		if (header->nlmsg_type == RTM_NEWLINK)
			last = header;
	if (last && interruptions) {
		interruptions--;
		last->nlmsg_flags |= NLM_F_DUMP_INTR;
	}
	return length;
}

static int count_link(const struct nlmsghdr *header, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);

	cr_assert_lt(info->ifi_index, LINKS);
	seen[info->ifi_index]++;
	return MNL_CB_OK;
}

static int dump_links(void)
{
	char buffer[64];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	return netlink_dump(header, count_link, NULL);
}

static void setup(void)
{
	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	cr_assert_eq(system("ip link add name left type veth peer name right"), 0);
}

TestSuite(netlink, .init = setup);

Test(netlink, an_interrupted_dump_is_repeated_and_each_link_seen_once)
{
	interruptions = 3;
	cr_assert_eq(dump_links(), 0);
	cr_expect_eq(interruptions, 0);
	cr_expect_eq(seen[if_nametoindex("lo")], 1);
	cr_expect_eq(seen[if_nametoindex("left")], 1);
	cr_expect_eq(seen[if_nametoindex("right")], 1);
}

Test(netlink, one_that_is_always_interrupted_fails_and_nothing_is_seen)
{
	interruptions = INT_MAX;
	cr_expect_eq(dump_links(), -EINTR);
	for (int i = 0; i < LINKS; i++)
		cr_expect_eq(seen[i], 0);
	interruptions = 0;
	cr_expect_eq(dump_links(), 0);
}
