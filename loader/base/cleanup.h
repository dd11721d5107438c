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

/* The value of a variable that is handed on: its cleanup function has nothing left to do. */
#define TAKE_PTR(pointer)                             \
	({                                            \
		__typeof__(pointer) taken_ = pointer; \
		(pointer) = NULL;                     \
		taken_;                               \
	})
#define TAKE_FD(fd)              \
	({                       \
		int taken_ = fd; \
		(fd) = -1;       \
		taken_;          \
	})

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_free_	    _cleanup_(cleanup_free)
#define _cleanup_close_	    _cleanup_(cleanup_close)

#endif
