// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "denied.h"

/* CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON. */
static const struct {
	unsigned int number;
	bool in_admin;
	const char *name;
} needed[] = {
	{ CAP_BPF, true, "CAP_BPF" },
	{ CAP_PERFMON, true, "CAP_PERFMON" },
	{ CAP_NET_ADMIN, false, "CAP_NET_ADMIN" },
	/* for programs by id: libxdp's attach, and status */
	{ CAP_SYS_ADMIN, false, "CAP_SYS_ADMIN" },
};

static bool has(const struct __user_cap_data_struct *sets, unsigned int number)
{
	return sets[CAP_TO_INDEX(number)].effective & CAP_TO_MASK(number);
}

int denied_add(struct err *err, int error)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
	bool lacks = false;

	if (error != -EPERM && error != -EACCES)
		return error;
	if (geteuid()) {
		err_add(err, "; run it as root");
		return error;
	}
	if (!syscall(SYS_capget, &header, sets))
		for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
			if (has(sets, needed[i].number) ||
			    (needed[i].in_admin && has(sets, CAP_SYS_ADMIN)))
				continue;
			err_add(err, "%s%s", lacks ? ", " : "; this process lacks ",
				needed[i].name);
			lacks = true;
		}
	err_add(err, "%sAppArmor, SELinux, kernel lockdown or a user namespace denies it",
		lacks ? " (as in a container), or " : "; ");
	return error;
}
