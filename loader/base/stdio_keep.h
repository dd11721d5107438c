/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_STDIO_KEEP_H
#define XDP_L2RESP_STDIO_KEEP_H

#include <fcntl.h>
#include <unistd.h>

/*
 * Standard files that are closed get a file that is empty and can't be written. Otherwise the next
 * socket or map that is opened gets such a number, and then what is printed, or the log. For the
 * beginning of main().
 */
static inline void stdio_keep(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

#endif
