// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <xdp/libxdp.h>

#include "dispatcher.h"
#include "pin.h"
#include "prog.h"

int dispatcher_find(void)
{
	struct xdp_program *prog = xdp_program__find_file(DISPATCHER_OBJECT, NULL, NULL);
	int r = libxdp_get_error(prog);

	if (!r)
		xdp_program__close(prog);
	return r;
}

const char *dispatcher_error_text(int error, char *text, size_t size)
{
	libxdp_strerror(error, text, size);
	return text;
}

/* Returns 1 if libxdp can change its pins, 0 if their file system is read-only, or -ENOENT: there
 * is none. */
static int pins_writable(void)
{
	struct statfs fs;

	if (statfs(DISPATCHER_BPFFS, &fs) < 0 || fs.f_type != BPF_FS_MAGIC)
		return -ENOENT;
	return !(fs.f_flags & ST_RDONLY);
}

int dispatcher_check_pins(struct err *err)
{
	return pins_writable() ? 0 : pin_err(err, -EROFS, DISPATCHER_BPFFS);
}

bool dispatcher_is_possible(void)
{
	return prog_kernel_has_btf() && !prog_ext_supported();
}

void dispatcher_alone_reason(char *text, size_t size)
{
	char detail[64];
	int r = pins_writable();

	text[0] = '\0';
	if (r < 0) {
		snprintf(text, size, "no BPF file system at %s, where libxdp keeps dispatchers",
			 DISPATCHER_BPFFS);
		return;
	}
	if (!r) {
		snprintf(text, size, "%s, where libxdp keeps dispatchers, is read-only",
			 DISPATCHER_BPFFS);
		return;
	}
	if (!prog_kernel_has_btf()) {
		/* the verifier needs BTF for the parameters of the dispatcher's functions */
		snprintf(text, size, "the kernel has no BTF, which a dispatcher needs");
		return;
	}
	r = prog_ext_supported();
	if (r < 0) {
		snprintf(text, size, "the kernel refuses BPF_PROG_TYPE_EXT: %s", strerror(-r));
		return;
	}
	r = dispatcher_find();
	if (r < 0)
		snprintf(text, size, "libxdp can't open its %s: %s", DISPATCHER_OBJECT,
			 dispatcher_error_text(r, detail, sizeof(detail)));
	else
		snprintf(text, size,
			 "none could be had when it was attached; detach and attach again for one");
}
