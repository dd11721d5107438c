/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cleanup functions for _cleanup_(): they run when a variable goes out of scope. */
#ifndef XDP_L2RESP_CLEANUP_H
#define XDP_L2RESP_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *at)
{
	free(*(void **)at);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_free_	    _cleanup_(cleanup_free)
#define _cleanup_close_	    _cleanup_(cleanup_close)

#endif
