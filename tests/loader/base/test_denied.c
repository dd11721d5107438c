// SPDX-License-Identifier: GPL-2.0-or-later
/* What is said of "Operation not permitted" to root, to root without capabilities and to others. */
#include <stdint.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "denied.h"

/* Leaves this process, a test's own, the capabilities of @kept, a mask, alone. */
static void keep(uint64_t kept)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};

	cr_assert_eq(syscall(SYS_capget, &header, sets), 0);
	if ((sets[0].permitted & (uint32_t)kept) != (uint32_t)kept ||
	    (sets[1].permitted & kept >> 32) != kept >> 32)
		cr_skip_test("this root has less");
	sets[0].effective = sets[0].permitted & (uint32_t)kept;
	sets[1].effective = sets[1].permitted & (uint32_t)(kept >> 32);
	cr_assert_eq(syscall(SYS_capset, &header, sets), 0);
}

static void expect(int error, const char *text)
{
	struct err err;

	err_write(&err, "it");
	cr_expect_eq(denied_add(&err, error), error);
	cr_expect_str_eq(err.text, text);
}

#define BIT(capability) (UINT64_C(1) << (capability))

#define OTHERS "AppArmor, SELinux, kernel lockdown or a user namespace denies it"

Test(denied, to_root)
{
	if (geteuid())
		cr_skip_test("not root");
	keep(BIT(CAP_SYS_ADMIN) | BIT(CAP_NET_ADMIN));
	expect(-EPERM, "it; " OTHERS);
	expect(-ENOENT, "it");
	keep(BIT(CAP_NET_ADMIN) | BIT(CAP_BPF) | BIT(CAP_PERFMON));
	expect(-EPERM, "it; this process lacks CAP_SYS_ADMIN (as in a container), or " OTHERS);
	keep(BIT(CAP_PERFMON));
	expect(-EPERM,
	       "it; this process lacks CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN (as in a container), "
	       "or " OTHERS);
}

Test(denied, to_others)
{
	if (!geteuid())
		cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	expect(-EPERM, "it; run it as root");
	expect(-EACCES, "it; run it as root");
	expect(-EINVAL, "it");
}
