// SPDX-License-Identifier: GPL-2.0-or-later
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>
#include <bpf/bpf.h>

#include "cleanup.h"
#include "denied.h"
#include "pin.h"

/* The name of what bpf_obj_get() opened, NULL: a map; by the kernel's name of the descriptor: maps,
 * programs and links have different information, and BPF_OBJ_GET_INFO_BY_FD doesn't tell which it
 * gives. */
static const char *opened_kind(int fd)
{
	char path[32], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* without /proc it is taken for a map, whose layout is checked */
	if (readlink(path, target, sizeof(target) - 1) < 0 || strstr(target, "bpf-map"))
		return NULL;
	return strstr(target, "bpf-prog") ? "a pinned program" : "a pinned link";
}

/* The name of what is at @path unless it is a pin, or nothing: NULL then. */
static const char *unpinned_kind(const char *path)
{
	struct statfs fs;
	struct stat st;

	if (lstat(path, &st) < 0)
		return NULL;
	if (S_ISLNK(st.st_mode))
		return "a symbolic link";
	if (S_ISDIR(st.st_mode))
		return "a directory";
	/* a BPF file system has no other files, but one may be mounted there */
	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC ? NULL : "a file";
}

int pin_open(const char *path, struct err *err)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	int error = fd < 0 ? negative_errno() : 0;
	const char *kind = fd < 0 ? NULL : opened_kind(fd);

	if (fd >= 0 && !kind)
		return TAKE_FD(fd);
	kind = unpinned_kind(path) ?: kind;
	if (kind)
		return err_set(err, -EPROTO, "%s is %s, not a map; remove it", path, kind);
	return error == -ENOENT ? error : pin_err(err, error, path);
}

int pin_map_id(const char *path, uint32_t *ret_id)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	struct err ignored;
	_cleanup_close_ int fd = pin_open(path, &ignored);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return negative_errno();
	*ret_id = info.id;
	return 0;
}

int pin_check_owner(const char *path, const struct stat *stat, struct err *err)
{
	if (!stat->st_uid || stat->st_uid == geteuid())
		return 0;
	return err_set(err, -EPERM, "%s belongs to user %u; remove it", path, stat->st_uid);
}

int pin_check_directory(const char *path, struct err *err)
{
	_cleanup_close_ int fd = -1;
	const char *kind;
	struct stat st;

	/* whoever uses it says what else is wrong with it */
	if (lstat(path, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	kind = unpinned_kind(path);
	if (!kind) {
		fd = bpf_obj_get(path);
		kind = fd < 0 ? "a pin" : opened_kind(fd) ?: "a pinned map";
	}
	return err_set(err, -EPROTO, "%s is %s, not a directory; remove it", path, kind);
}

void pin_mount_point(char path[PATH_MAX])
{
	char parent[PATH_MAX], *slash;
	struct stat here, above;

	for (;;) {
		memcpy(parent, path, PATH_MAX);
		slash = strrchr(parent, '/');
		if (!slash || slash == parent)
			return;
		*slash = '\0';
		if (!stat(path, &here) && !stat(parent, &above) && here.st_dev != above.st_dev)
			return;
		memcpy(path, parent, PATH_MAX);
	}
}

int pin_err(struct err *err, int error, const char *path)
{
	char mounted[PATH_MAX];

	if (error == -EROFS) {
		snprintf(mounted, sizeof(mounted), "%s", path);
		pin_mount_point(mounted);
		return err_set(err, error,
			       "the BPF file system at %s is mounted read-only; run `mount -o "
			       "remount,rw %s`",
			       mounted, mounted);
	}
	if (error == -EACCES && !geteuid())
		return err_set(err, error,
			       "%s: %s; check its mode, and whether AppArmor or SELinux denies it",
			       path, strerror(-error));
	/* a pin was expected to be absent */
	if (error == -EEXIST)
		return err_set(err, error, "%s: %s; remove it", path, strerror(-error));
	return denied_add(err, err_set(err, error, "%s: %s", path, strerror(-error)));
}
