/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error messages for the user: written where the error occurs, printed once, by the command. */
#ifndef XDP_L2RESP_ERR_H
#define XDP_L2RESP_ERR_H

#include <errno.h>

/* Returns -errno. The static analyzer knows that the result is negative, unlike that of -errno. */
static inline int negative_errno(void)
{
	int error = errno;

	return error > 0 ? -error : -EIO;
}

struct err {
	char text[1024];
};

/* Fills @err with one sentence: no capital, no full stop, since the program's name comes before it.
 */
void err_write(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends to the sentence. */
void err_add(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * err_write() with the value @error, a negative errno: `return err_set(err, -EINVAL, "...")`. A
 * macro, so that the compiler and the analyzer see the value.
 */
#define err_set(err, error, ...)             \
	({                                   \
		int error_ = (error);        \
		err_write(err, __VA_ARGS__); \
		error_;                      \
	})

/* Flushes standard output. Returns 0, or a negative errno with @err if any write failed. */
int err_stdout(struct err *err);

#endif
