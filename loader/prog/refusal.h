/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error messages of a refused attach, with the reason given by the verifier, the driver or the
 * kernel. The kernel's and the driver's reason (netlink's extended ack) is available only in
 * libbpf's log.
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

/* The stage at which an attach failed. */
enum refusal_stage {
	REFUSAL_LOADING,   /* the verifier rejected the program */
	REFUSAL_ATTACHING, /* after that, but before the hook */
	REFUSAL_AT_HOOK,   /* the kernel or the driver refused the program at the hook */
};

/* Called by the log handlers of libbpf and libxdp: stores the kernel's reason and the stage. */
void refusal_listen(const char *format, va_list args);

/* Clears the reason and the stage; call it before each attempt. */
void refusal_forget(void);

/* Returns the stage, from libxdp's log. @loaded: the verifier accepted the program. */
enum refusal_stage refusal_stage(bool loaded);

/* Writes @err for a program that couldn't be loaded. Returns @error. */
int refusal_err_load(struct err *err, int error, const struct link *link);

/*
 * Writes @err for an attach in @mode that failed with @error at @stage. Returns -EOPNOTSUPP if the
 * driver refused native XDP, so that skb mode may work; else @error.
 */
int refusal_err_attach(struct err *err, int error, const struct link *link,
		       enum xdp_attach_mode mode, enum refusal_stage stage);

/* After refusal_err_attach() returned -EOPNOTSUPP: the reason, as a clause. Valid until
 * refusal_forget(). */
const char *refusal_driver_reason(void);

/* Writes @err for a @link of a kind on which native XDP shouldn't run. Returns -EOPNOTSUPP. */
int refusal_err_kind(struct err *err, const struct link *link, const char *reason);

/* True, with @err, if a program of ours with other pins than the caller's runs on @link. */
bool refusal_elsewhere(struct err *err, const struct link *link, const struct attach_state *state);

/* Writes @err, with a remedy, for another program that is attached without a dispatcher. Returns
 * -EBUSY. */
int refusal_err_foreign(struct err *err, const struct link *link, const struct attach_state *state);

#endif
