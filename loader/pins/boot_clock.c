// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "boot_clock.h"
#include "cleanup.h"
#include "clock.h"
#include "control_object.h"

#define NS_PER_MS 1000000
#define MS_PER_S  1000

/* True if /proc/self/timens_offsets, which is about the time namespace of the next child, is about
 * this process. Before Linux 6.2, execve(2) doesn't enter that namespace. */
static bool is_in_childrens(void)
{
	char own[64] = "", childrens[64] = "";

	return readlink("/proc/self/ns/time", own, sizeof(own) - 1) > 0 &&
	       readlink("/proc/self/ns/time_for_children", childrens, sizeof(childrens) - 1) > 0 &&
	       !strcmp(own, childrens);
}

int64_t boot_clock_offset_ns(void)
{
	static _Thread_local bool known;
	static _Thread_local int64_t offset_ns;
	FILE *file = known || !is_in_childrens() ? NULL : fopen("/proc/self/timens_offsets", "re");
	long long seconds, ns;
	char clock[16];

	/* a kernel without time namespaces doesn't have the file */
	while (file && fscanf(file, "%15s %lld %lld", clock, &seconds, &ns) == 3)
		if (!strcmp(clock, "boottime"))
			offset_ns = seconds * (int64_t)CLOCK_NS_PER_S + ns;
	if (file)
		fclose(file);
	known = true;
	return offset_ns;
}

uint64_t boot_clock_ns(void)
{
	return clock_boot_ns() - boot_clock_offset_ns();
}

static int control_load(struct control_bpf *control)
{
	struct bpf_program *program;
	struct bpf_map *map;

	bpf_object__for_each_program(program, control->obj)
		bpf_program__set_autoload(program, program == control->progs.control_boot_ms);
	bpf_object__for_each_map(map, control->obj)
		bpf_map__set_autocreate(map, bpf_map__is_internal(map));
	return control_bpf__load(control);
}

int boot_clock_check(struct err *err)
{
	_cleanup_(control_close) struct control_bpf *control = NULL;
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	uint64_t before_ms, after_ms;
	uint32_t ahead_ms;
	int r = control_open(&control, err);

	if (r < 0)
		return r;
	r = control_load(control);
	before_ms = clock_boot_ns() / NS_PER_MS;
	if (!r)
		r = bpf_prog_test_run_opts(bpf_program__fd(control->progs.control_boot_ms), &opts);
	after_ms = clock_boot_ns() / NS_PER_MS;
	if (r < 0)
		return err_set(err, r, "asking the kernel for its boot clock: %s", strerror(-r));
	/* a program returns 32 bits, so a difference of a multiple of 49 days isn't seen */
	ahead_ms = opts.retval - (uint32_t)before_ms;
	if (ahead_ms <= after_ms - before_ms)
		return 0;
	return err_set(err, -EXDEV,
		       "the boot clock of this process is %.3f s away from the kernel's: it runs "
		       "in a time namespace, where no lease would end in time; run it outside",
		       (double)(int32_t)ahead_ms / MS_PER_S);
}
