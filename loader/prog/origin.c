// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "alloc.h"
#include "cleanup.h"
#include "maps.h"
#include "origin.h"
#include "pin.h"
#include "prog.h"

static bool is_cut(const struct pins_origin *origin)
{
	return strlen(origin->dir) == L2RESP_PINS_DIR_SIZE - 1;
}

/* The pins' directory is /xdp-l2resp/v1 below what --bpffs names, which it is shortened to. */
static void shorten_to_bpffs(char *dir)
{
	for (int level = 0; level < 2; level++)
		if (strrchr(dir, '/'))
			*strrchr(dir, '/') = '\0';
}

/* Returns 1 if @dir, of pins, is in @origin's file system, or would be, 0 if in another one, or a
 * negative errno. */
static int is_in_its_bpffs(const struct pins_origin *origin, const char *dir)
{
	_cleanup_free_ char *bpffs = xstrdup(dir);
	struct stat st;

	shorten_to_bpffs(bpffs);
	if (stat(bpffs, &st) < 0)
		return negative_errno();
	return major(st.st_dev) == origin->dev_major && minor(st.st_dev) == origin->dev_minor;
}

/* Returns 1 if program @prog_id reads the map that is pinned in @dir, 0 if not or if nothing is
 * pinned there, or a negative errno. */
static int reads_pin_of(const char *dir, uint32_t prog_id)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, maps_name(MAPS_COUNTERS));
	uint32_t map_id;
	int r = pin_map_id(path, &map_id);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return prog_id_uses_map(prog_id, map_id);
}

/*
 * Does @line of the mountinfo of @process mount @origin's file system? The kernel gives the number
 * of one that is gone to the next: the pin says whether it is the same. proc(5): the third field is
 * major:minor, then come the root and the mount point, and the type behind " - ".
 */
static bool line_has(const char *process, const char *line, const struct pins_origin *origin,
		     uint32_t prog_id)
{
	_cleanup_free_ char *part = NULL, *point = NULL, *dir = NULL;
	unsigned int dev_major, dev_minor;
	int here;

	if (sscanf(line, "%*d %*d %u:%u %ms %ms", &dev_major, &dev_minor, &part, &point) != 4 ||
	    dev_major != origin->dev_major || dev_minor != origin->dev_minor ||
	    !strstr(line, " - bpf "))
		return false;
	dir = xasprintf("/proc/%s/root%s%s", process, point, origin->dir + origin->mount_point);
	here = is_in_its_bpffs(origin, dir);
	/* a part of it, octal escapes in its path, hidden by another mount, or a path that was cut:
	 * then it can't be decided */
	if (strcmp(part, "/") != 0 || strchr(point, '\\') || !here ||
	    (here < 0 && here != -ENOENT) || is_cut(origin))
		return true;
	return reads_pin_of(dir, prog_id) != 0;
}

static bool process_has(const char *process, const struct pins_origin *origin, uint32_t prog_id)
{
	_cleanup_free_ char *path = xasprintf("/proc/%s/mountinfo", process);
	_cleanup_free_ char *line = NULL;
	FILE *file = fopen(path, "re");
	bool found = false;
	size_t size = 0;

	while (file && !found && getline(&line, &size, file) >= 0)
		found = line_has(process, line, origin, prog_id);
	if (file)
		fclose(file);
	return found;
}

static bool is_elsewhere(const struct pins_origin *origin, uint32_t prog_id)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	/* without /proc it can't be decided */
	bool found = access("/proc/self/mountinfo", R_OK) < 0;

	while (proc && !found && (entry = readdir(proc)))
		found = isdigit((unsigned char)entry->d_name[0]) &&
			process_has(entry->d_name, origin, prog_id);
	if (proc)
		closedir(proc);
	return found;
}

bool origin_alive(const struct pins_origin *origin, uint32_t prog_id)
{
	int r = reads_pin_of(origin->dir, prog_id);
	/* of a path that was cut nobody knows where it leads */
	bool here = !is_cut(origin) && is_in_its_bpffs(origin, origin->dir) > 0;

	/* not a program whose maps can't be opened, as on a read-only file system */
	if (r > 0 || (r < 0 && here))
		return true;
	return !here && is_elsewhere(origin, prog_id);
}
