/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What went wrong, in the user's words. Made where it is known, printed once at the edge. */
#ifndef XDP_L2RESP_ERR_H
#define XDP_L2RESP_ERR_H

struct err {
	char text[1024];
};

/*
 * Fills @err with one sentence (no capital, no full stop: the program's name comes before it).
 * Returns @error, a negative errno, for `return err_set(err, -EINVAL, "...")`.
 */
int err_set(struct err *err, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
