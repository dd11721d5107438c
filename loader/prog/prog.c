// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "alloc.h"
#include "cleanup.h"
#include "err.h"
#include "prog.h"

#define PROG_MAX_MAPS 64

static void cleanup_btf(struct btf **btf)
{
	btf__free(*btf);
}

/* Reads the ids of the maps that program @prog_id uses. Returns their number, 0 if the program is
 * gone, or a negative errno. */
static int prog_map_ids(uint32_t prog_id, uint32_t map_ids[PROG_MAX_MAPS])
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(prog_id);
	struct bpf_prog_info info = { .nr_map_ids = PROG_MAX_MAPS, .map_ids = (uintptr_t)map_ids };
	uint32_t size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return errno == ENOENT ? 0 : negative_errno();
	return info.nr_map_ids < PROG_MAX_MAPS ? info.nr_map_ids : PROG_MAX_MAPS;
}

int prog_id_uses_map(uint32_t prog_id, uint32_t map_id)
{
	uint32_t map_ids[PROG_MAX_MAPS];
	int count = map_id ? prog_map_ids(prog_id, map_ids) : -EAGAIN;

	for (int i = 0; i < count; i++)
		if (map_ids[i] == map_id)
			return 1;
	return count < 0 ? count : 0;
}

/* Returns the offset of variable @name in a data section's map, from the map's BTF, or -ENOENT. */
static int variable_offset(const struct bpf_map_info *info, const char *name, uint32_t size)
{
	_cleanup_(cleanup_btf) struct btf *btf = btf__load_from_kernel_by_id(info->btf_id);
	const struct btf_type *section;
	const struct btf_var_secinfo *variable;

	if (!btf)
		return -ENOENT;
	section = btf__type_by_id(btf, info->btf_value_type_id);
	if (!section || !btf_is_datasec(section))
		return -ENOENT;
	variable = btf_var_secinfos(section);
	for (int i = 0; i < btf_vlen(section); i++, variable++) {
		const struct btf_type *type = btf__type_by_id(btf, variable->type);

		if (!strcmp(btf__name_by_offset(btf, type->name_off), name) &&
		    variable->size == size && variable->offset + size <= info->value_size)
			return variable->offset;
	}
	return -ENOENT;
}

/* Reads constant @name, @size bytes, of program @prog_id. -ENOENT: it doesn't exist. */
static int constant_read(uint32_t prog_id, const char *name, void *ret_value, uint32_t size)
{
	uint32_t map_ids[PROG_MAX_MAPS] = {};
	int count = prog_map_ids(prog_id, map_ids);

	for (int i = 0; i < count; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(map_ids[i]);
		_cleanup_free_ char *section = NULL;
		struct bpf_map_info info = {};
		uint32_t info_size = sizeof(info), key = 0;
		int offset;

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &info_size) < 0 ||
		    info.type != BPF_MAP_TYPE_ARRAY || !info.btf_id)
			continue;
		offset = variable_offset(&info, name, size);
		section = xcalloc(1, info.value_size);
		if (offset < 0 || bpf_map_lookup_elem(fd, &key, section) < 0)
			continue;
		memcpy(ret_value, section + offset, size);
		return 0;
	}
	return count < 0 ? count : -ENOENT;
}

int prog_pins_origin(uint32_t prog_id, struct pins_origin *ret_origin)
{
	int r = constant_read(prog_id, "pins_origin", ret_origin, sizeof(*ret_origin));

	if (!r) {
		ret_origin->dir[L2RESP_PINS_DIR_SIZE - 1] = '\0';
		if (ret_origin->mount_point > strlen(ret_origin->dir))
			ret_origin->mount_point = strlen(ret_origin->dir);
	}
	return r;
}

int prog_attached_ifindex(uint32_t prog_id, uint32_t *ret_ifindex)
{
	return constant_read(prog_id, "attached_ifindex", ret_ifindex, sizeof(*ret_ifindex));
}

int prog_counters_slot(uint32_t prog_id, uint32_t *ret_slot)
{
	return constant_read(prog_id, "counters_slot", ret_slot, sizeof(*ret_slot));
}

int prog_netns_cookie(uint32_t prog_id, uint64_t *ret_cookie)
{
	return constant_read(prog_id, "netns_cookie", ret_cookie, sizeof(*ret_cookie));
}

int prog_uses_map(uint32_t map_id)
{
	uint32_t prog_id = 0;

	while (!bpf_prog_get_next_id(prog_id, &prog_id)) {
		int r = prog_id_uses_map(prog_id, map_id);

		if (r)
			return r;
	}
	return errno == ENOENT ? 0 : negative_errno();
}

int prog_map_open(uint32_t prog_id, const char *name)
{
	uint32_t map_ids[PROG_MAX_MAPS];
	int count = prog_map_ids(prog_id, map_ids);

	for (int i = 0; i < count; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(map_ids[i]);
		struct bpf_map_info info = {};
		uint32_t size = sizeof(info);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) &&
		    !strcmp(info.name, name))
			return TAKE_FD(fd);
	}
	return count < 0 ? count : -ENOENT;
}

/* Reads the first link after *link_id by which a program extends or traces another. Returns 1, 0 if
 * there is none, or a negative errno. */
static int next_extension(uint32_t *link_id, struct bpf_link_info *ret_info)
{
	while (!bpf_link_get_next_id(*link_id, link_id)) {
		_cleanup_close_ int fd = bpf_link_get_fd_by_id(*link_id);
		struct bpf_link_info info = {};
		uint32_t size = sizeof(info);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
			return negative_errno();
		/* freplace links also report type TRACING */
		if (info.type == BPF_LINK_TYPE_TRACING) {
			*ret_info = info;
			return 1;
		}
	}
	return errno == ENOENT ? 0 : negative_errno();
}

int prog_next_extension(uint32_t prog_id, uint32_t *link_id, uint32_t *ret_extension)
{
	struct bpf_link_info info;
	int r;

	while ((r = next_extension(link_id, &info)) > 0)
		if (info.tracing.target_obj_id == prog_id) {
			*ret_extension = info.prog_id;
			return 1;
		}
	return r;
}

bool prog_is_extended(uint32_t prog_id)
{
	uint32_t link_id = 0, extension;

	return prog_next_extension(prog_id, &link_id, &extension);
}

uint32_t prog_at_hook(uint32_t prog_id)
{
	struct bpf_link_info info;
	uint32_t link_id = 0;

	while (next_extension(&link_id, &info) > 0)
		if (info.prog_id == prog_id)
			return info.tracing.target_obj_id;
	return prog_id;
}

static const struct bpf_insn return_0[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};
static const size_t return_0_size = sizeof(return_0) / sizeof(return_0[0]);

int prog_names_kept(void)
{
	_cleanup_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "probe_name", "GPL", return_0,
					       return_0_size, NULL);
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return negative_errno();
	return *info.name ? 0 : -EAGAIN;
}

int prog_kernel_has_btf(void)
{
	uint32_t id = 0;

	/* don't read /sys/kernel/btf, which a container may hide */
	while (!bpf_btf_get_next_id(id, &id)) {
		_cleanup_close_ int fd = bpf_btf_get_fd_by_id(id);
		char name[sizeof("vmlinux")] = "";
		struct bpf_btf_info info = { .name = (uintptr_t)name, .name_len = sizeof(name) };
		uint32_t size = sizeof(info);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0) {
			/* skip BTF that is gone, or a module's, whose longer name doesn't fit */
			if (errno != ENOENT && errno != ENOSPC)
				return negative_errno();
		} else if (info.kernel_btf && !strcmp(name, "vmlinux")) {
			return 1;
		}
	}
	return errno == ENOENT ? 0 : negative_errno();
}

int prog_ext_supported(void)
{
	/*
	 * Load an invalid program: its target is no program. A kernel that supports and permits the
	 * type returns EINVAL or ENOENT for the target; one that doesn't permit it returns EPERM
	 * first.
	 */
	char log[256] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .attach_btf_id = 1, .log_buf = log,
		    .log_size = sizeof(log), .log_level = 1);
	_cleanup_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_EXT, "probe_ext", "GPL", return_0,
					       return_0_size, &opts);

	if (fd >= 0)
		return 0;
	/* the verifier's message for a target that is no program: it accepted the type */
	if (errno == EINVAL && strstr(log, "Cannot replace kernel functions"))
		return 0;
	return negative_errno();
}
