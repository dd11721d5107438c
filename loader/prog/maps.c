// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "cleanup.h"
#include "maps.h"

static const char *const map_names[MAPS_COUNT] = {
	[MAPS_META] = "meta",
	[MAPS_DEVICES] = "devices",
	[MAPS_LEASES] = "leases",
	[MAPS_COUNTERS] = "counters",
	[MAPS_CONFLICTS] = "conflicts",
	[MAPS_VLANS] = "vlans",
	[MAPS_EVENTS] = "events",
	[MAPS_TRACE] = "trace",
	[MAPS_TRACE_CONTROL] = ".data.trace", /* libbpf names a section's map after it */
	[MAPS_FILTERS] = "filters",
	[MAPS_RESPONDER_V4] = "responder_v4",
	[MAPS_RESPONDER_V6] = "responder_v6",
};

const char *maps_name(enum maps_index map)
{
	return map_names[map];
}

uint32_t maps_id(const struct maps *maps, enum maps_index map)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(maps->fd[map], &info, &size) ? 0 : info.id;
}

bool maps_bpffs_here(const struct pins_origin *origin)
{
	char root[L2RESP_PINS_DIR_SIZE];
	struct stat st;

	memcpy(root, origin->dir, sizeof(root));
	/* /xdp-l2resp/v1 below the root may be gone */
	for (int level = 0; level < 2; level++)
		if (strrchr(root, '/'))
			*strrchr(root, '/') = '\0';
	return !stat(root, &st) && major(st.st_dev) == origin->dev_major &&
	       minor(st.st_dev) == origin->dev_minor;
}

/* proc(5): the third field of a line is major:minor, the type follows " - ". */
static bool mountinfo_has(const char *path, const struct pins_origin *origin)
{
	_cleanup_free_ char *line = NULL;
	FILE *file = fopen(path, "re");
	bool found = false;
	size_t size = 0;

	while (file && !found && getline(&line, &size, file) >= 0) {
		unsigned int dev_major, dev_minor;

		found = sscanf(line, "%*d %*d %u:%u", &dev_major, &dev_minor) == 2 &&
			dev_major == origin->dev_major && dev_minor == origin->dev_minor &&
			strstr(line, " - bpf ");
	}
	if (file)
		fclose(file);
	return found;
}

bool maps_bpffs_mounted(const struct pins_origin *origin)
{
	DIR *proc = opendir("/proc");
	struct dirent *process;
	/* without /proc nobody can tell */
	bool found = access("/proc/self/mountinfo", R_OK) < 0;

	while (proc && !found && (process = readdir(proc))) {
		char path[sizeof("/proc//mountinfo") + sizeof(process->d_name)];

		if (!isdigit((unsigned char)process->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/mountinfo", process->d_name);
		found = mountinfo_has(path, origin);
	}
	if (proc)
		closedir(proc);
	return found;
}
