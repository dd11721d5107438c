// SPDX-License-Identifier: GPL-2.0-or-later
/* The messages if the kernel or a driver refuses an attach. The reasons are those of Linux 6.12.
 */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "refusal.h"

#define SKB    "use --mode skb, which is slower"
#define SILENT "eth1: the driver refuses native XDP and gives no reason: "
#define LOG    "; the kernel's log may have one; "
#define DENIED "eth1: loading the program: Operation not permitted; "

static const struct {
	const char *reason; /* the kernel's, NULL: none */
	int error;
	bool loaded;
	bool skb;
	unsigned int mtu;
	int result;
	const char *text;
} refusals[] = {
	{ "Underlying driver does not support XDP in native mode", -EOPNOTSUPP, true, false, 1500,
	  -EOPNOTSUPP, "eth1: the driver has no native XDP; " SKB },
	{ "virtio_net: Can't set XDP while host is implementing GRO_HW/CSUM, disable GRO_HW/CSUM first",
	  -EOPNOTSUPP, true, false, 1500, -EOPNOTSUPP,
	  "eth1: the driver refuses native XDP: virtio_net: Can't set XDP while host is implementing "
	  "GRO_HW/CSUM, disable GRO_HW/CSUM first; turn that off where the virtual machine is "
	  "configured, or " SKB },
	{ "hv_netvsc: XDP: mtu too large", -EOPNOTSUPP, true, false, 9000, -EOPNOTSUPP,
	  "eth1: the driver refuses native XDP: hv_netvsc: XDP: mtu too large; lower the MTU, or " SKB },
	{ "hv_netvsc: XDP: not support LRO", -EOPNOTSUPP, true, false, 1500, -EOPNOTSUPP,
	  "eth1: the driver refuses native XDP: hv_netvsc: XDP: not support LRO; turn that off with "
	  "ethtool -K, or " SKB },
	{ "igc: Jumbo frames not supported", -EOPNOTSUPP, true, false, 9000, -EOPNOTSUPP,
	  "eth1: the driver refuses native XDP: igc: Jumbo frames not supported; lower the MTU, or " SKB },
	{ "igb: The RX buffer size is too small for the frame size", -EINVAL, true, false, 9000,
	  -EOPNOTSUPP,
	  "eth1: the driver refuses native XDP: igb: The RX buffer size is too small for the frame "
	  "size; lower the MTU, or " SKB },
	{ "ena: Failed to set xdp program, there is no enough space for allocating XDP queues",
	  -EINVAL, true, false, 1500, -EOPNOTSUPP,
	  "eth1: the driver refuses native XDP: ena: Failed to set xdp program, there is no enough "
	  "space for allocating XDP queues; change their number with ethtool -L, or " SKB },
	{ "ice: Not enough Tx resources for XDP", -ENOMEM, true, false, 1500, -EOPNOTSUPP,
	  "eth1: the driver refuses native XDP: ice: Not enough Tx resources for XDP; " SKB },
	/* at the hook, without a reason */
	{ "", -EINVAL, true, false, 1500, -EOPNOTSUPP, SILENT "Invalid argument" LOG SKB },
	{ "", -ENOMEM, true, false, 9000, -EOPNOTSUPP,
	  SILENT "Cannot allocate memory" LOG "lower the MTU, or " SKB },
	/* another mode wouldn't help */
	{ "XDP program already attached", -EBUSY, true, false, 1500, -EBUSY,
	  "eth1: the kernel refuses to attach the program: XDP program already attached" },
	{ "Cannot attach when an upper device already has a program", -EEXIST, true, false, 1500,
	  -EEXIST,
	  "eth1: the kernel refuses to attach the program: Cannot attach when an upper device already "
	  "has a program" },
	{ "", -EPERM, true, false, 1500, -EPERM,
	  "eth1: attaching the program: Operation not permitted" },
	{ "Native and generic XDP can't be active at the same time", -EINVAL, true, true, 1500,
	  -EINVAL,
	  "eth1: the kernel refuses to attach the program: Native and generic XDP can't be active at "
	  "the same time" },
	/* not at the hook: no driver was asked */
	{ NULL, -EINVAL, true, false, 9000, -EINVAL,
	  "eth1: attaching the program: Invalid argument" },
	{ NULL, -EINVAL, false, false, 9000, -EINVAL,
	  "eth1: the kernel refuses the program: Invalid argument (-v shows the verifier's last lines)" },
};

static void hear(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	refusal_listen(format, args);
	va_end(args);
}

Test(refusal, sentences)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct link link = { .name = "eth1", .mtu = refusals[i].mtu };
		struct err err;
		int r;

		refusal_forget();
		hear("libbpf: prog '%s': BPF program load failed: %s\n", "xdp_pass",
		     "Invalid argument");
		if (refusals[i].reason && *refusals[i].reason)
			hear("libbpf: Kernel error message: %s\n", refusals[i].reason);
		if (refusals[i].reason)
			hear("libxdp: Error attaching XDP program to ifindex %d: %s\n", 2,
			     "refused");
		r = refusal_err_attach(&err, refusals[i].error, &link,
				       refusals[i].skb ? XDP_MODE_SKB : XDP_MODE_NATIVE,
				       refusal_stage(refusals[i].loaded));
		cr_expect_str_eq(err.text, refusals[i].text);
		cr_expect_eq(r, refusals[i].result, "%s: %d", refusals[i].text, r);
	}
}

Test(refusal, a_long_reason_is_cut)
{
	struct link link = { .name = "eth1", .mtu = 1500 };
	char reason[1000];
	struct err err;

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	refusal_forget();
	hear("libbpf: Kernel error message: %s\n", reason);
	cr_expect_eq(refusal_err_attach(&err, -EINVAL, &link, XDP_MODE_NATIVE, REFUSAL_AT_HOOK),
		     -EOPNOTSUPP);
	cr_expect(strstr(err.text, "xxx; " SKB));
	refusal_forget();
	cr_expect_str_empty(refusal_driver_reason());
}

Test(refusal, a_denied_load)
{
	struct link link = { .name = "eth1", .mtu = 1500 };
	struct err err;

	refusal_forget();
	cr_expect_eq(refusal_err_attach(&err, -EPERM, &link, XDP_MODE_NATIVE, REFUSAL_LOADING),
		     -EPERM);
	cr_expect(!strncmp(err.text, DENIED, strlen(DENIED)), "%s", err.text);
	cr_expect_eq(!strcmp(err.text, DENIED "run it as root"), geteuid() != 0, "%s", err.text);
}
