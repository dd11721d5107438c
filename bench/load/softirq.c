// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "softirq.h"

/* The first line of /proc/@pid/@name. */
static bool proc_line(const char *pid, const char *name, char *line, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, line, size - 1);
	if (length < 0)
		return false;
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

/* The process id of ksoftirqd/@cpu, or -1. */
static int softirq_thread_find(int cpu)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	char name[32], comm[32];
	int pid = -1;

	snprintf(name, sizeof(name), "ksoftirqd/%d", cpu);
	while (proc && pid < 0 && (entry = readdir(proc)))
		if (isdigit((unsigned char)*entry->d_name) &&
		    proc_line(entry->d_name, "comm", comm, sizeof(comm)) && !strcmp(comm, name))
			pid = atoi(entry->d_name);
	if (proc)
		closedir(proc);
	return pid;
}

uint64_t softirq_thread_ns(int cpu)
{
	static int pids[CPU_SETSIZE]; /* 0: not read yet */
	char pid[16], line[128];

	if (!pids[cpu])
		pids[cpu] = softirq_thread_find(cpu);
	snprintf(pid, sizeof(pid), "%d", pids[cpu]);
	if (pids[cpu] < 0 || !proc_line(pid, "schedstat", line, sizeof(line)))
		return 0;
	return strtoull(line, NULL, 10);
}
