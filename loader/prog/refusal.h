/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why the program isn't attached, in the words of whoever refuses it: we, the verifier, the driver,
 * or the kernel for what is on the interface already. The kernel's and the driver's reason
 * (netlink's extended ack) comes through libbpf's log only.
 */
#ifndef XDP_L2RESP_REFUSAL_H
#define XDP_L2RESP_REFUSAL_H

#include <stdarg.h>
#include <stdbool.h>
#include <xdp/libxdp.h>

#include "attach_state.h"
#include "err.h"
#include "link.h"

#define REFUSAL_NO_NATIVE   "the driver has no native XDP"
#define REFUSAL_REASON_SIZE 384

/* How far an attempt came. */
enum refusal_stage {
	REFUSAL_LOADING,   /* the verifier refused */
	REFUSAL_ATTACHING, /* it didn't; something else failed on the way */
	REFUSAL_AT_HOOK,   /* the kernel refused to attach, or the driver did */
};

/* For the log handlers of libbpf and libxdp: keeps the kernel's reason, and that there was one. */
void refusal_listen(const char *format, va_list args);

/* Forgets both. Called before each attempt, so that nothing is taken for another's. */
void refusal_forget(void);

/* By what libxdp has logged: how far its attach came. @loaded: the verifier accepted the program.
 */
enum refusal_stage refusal_stage(bool loaded);

/* The sentence for the program that couldn't be loaded. Returns @error. */
int refusal_err_load(struct err *err, int error, const struct link *link);

/*
 * The sentence for the attempt in @mode that came to @error at @stage. Returns -EOPNOTSUPP where
 * the driver refused native XDP, so that skb mode may do; else @error.
 */
int refusal_err_attach(struct err *err, int error, const struct link *link,
		       enum xdp_attach_mode mode, enum refusal_stage stage);

/* After that -EOPNOTSUPP: why, as a clause. Valid until refusal_forget(). */
const char *refusal_driver_reason(void);

/* The sentence for a @link of a kind on which native XDP isn't what the user wants. Returns
 * -EOPNOTSUPP. */
int refusal_err_kind(struct err *err, const struct link *link, const char *reason);

/* Does ours run on @link with other pins than the caller's? Then with a sentence. */
bool refusal_elsewhere(struct err *err, const struct link *link, const struct attach_state *state);

/* The sentence for a program that isn't ours and stands alone there, with what helps. Returns
 * -EBUSY. */
int refusal_err_foreign(struct err *err, const struct link *link, const struct attach_state *state);

#endif
