// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>

#include "cleanup.h"
#include "err.h"
#include "prog.h"

#define PROG_MAX_MAPS 64

bool prog_id_uses_map(uint32_t prog_id, uint32_t map_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(prog_id);
	uint32_t map_ids[PROG_MAX_MAPS] = {};
	struct bpf_prog_info info = { .nr_map_ids = PROG_MAX_MAPS, .map_ids = (uintptr_t)map_ids };
	uint32_t size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < PROG_MAX_MAPS; i++)
		if (map_ids[i] == map_id)
			return true;
	return false;
}

bool prog_uses_map(uint32_t map_id)
{
	uint32_t prog_id = 0;

	while (!bpf_prog_get_next_id(prog_id, &prog_id))
		if (prog_id_uses_map(prog_id, map_id))
			return true;
	return false;
}

int prog_ext_supported(void)
{
	/*
	 * A program that can't be right: its target is no program. A kernel that knows and permits
	 * the type says EINVAL or ENOENT of the target; one that doesn't permit it says EPERM
	 * before it looks.
	 */
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	char log[256];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .attach_btf_id = 1, .log_buf = log,
		    .log_size = sizeof(log), .log_level = 1);
	_cleanup_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_EXT, "probe_ext", "GPL", insns,
					       sizeof(insns) / sizeof(insns[0]), &opts);

	if (fd >= 0)
		return 0;
	/* the verifier's own words for a target that is no program: it got that far */
	if (errno == EINVAL && strstr(log, "Cannot replace kernel functions"))
		return 0;
	return negative_errno();
}
