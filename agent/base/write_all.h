/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESPD_WRITE_ALL_H
#define XDP_L2RESPD_WRITE_ALL_H

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "err.h"

/* write(2), as often as it takes. A negative errno if not all could be written. */
static inline int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t written = write(fd, text, size);

		if (written < 0)
			return negative_errno();
		text += written;
		size -= written;
	}
	return 0;
}

#endif
