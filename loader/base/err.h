/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What went wrong, in the user's words. Made where it is known, printed once at the edge. */
#ifndef XDP_L2RESP_ERR_H
#define XDP_L2RESP_ERR_H

#include <errno.h>

/* errno as a return value: negative for sure, which -errno isn't to the analyzer. */
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
 * The same, with the value @error, a negative errno: `return err_set(err, -EINVAL, "...")`. A macro
 * so that the compiler and the analyzer see which value it is.
 */
#define err_set(err, error, ...)             \
	({                                   \
		int error_ = (error);        \
		err_write(err, __VA_ARGS__); \
		error_;                      \
	})

/* Was all written that was printed on standard output? 0, or a negative errno with @err. */
int err_stdout(struct err *err);

#endif
