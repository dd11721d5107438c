/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading what the data path records of the frames that it handles (xdp/trace.bpf.h). It records
 * only while one reader asks for it, again and again.
 */
#ifndef XDP_L2RESP_TRACE_H
#define XDP_L2RESP_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "l2resp.h"
#include "pins.h"

/* trace_renew() is due every TRACE_RENEW_MS. */
#define TRACE_RENEW_MS 1000
#define TRACE_LEASE_MS 3000

/* Takes a record; false: no more of them now. */
typedef bool trace_record_fn(const struct trace_record *record, void *context);

struct trace;

/*
 * Becomes the one reader, makes the ring that the data path writes to, and has it record.
 * @record is called by trace_read(). @pins must stay open until trace_close(). -EBUSY with @err:
 * there is a reader; -EPROTO and other errors with @err.
 */
int trace_open(const struct pins *pins, trace_record_fn *record, void *context,
	       struct trace **ret_trace, struct err *err);

/* Stops, and makes room for another reader. Safe on NULL. */
void trace_close(struct trace **trace);

/* Readable when there are records; the trace's own. */
int trace_fd(const struct trace *trace);

/*
 * Hands records over until there are none, or until @record returned false or a few hundred were:
 * the caller has other things to do, trace_renew() among them. Returns whether there may be more.
 */
bool trace_read(struct trace *trace);

/*
 * Has the data path record for TRACE_LEASE_MS more. Returns 0; 1 where it came too late, so that
 * frames may have gone by that were neither recorded nor counted as lost; -ESTALE with @err where
 * the pins were removed: whatever is attached next has others.
 */
int trace_renew(struct trace *trace, struct err *err);

/* Has the data path stop recording. What it recorded before can still be read. */
void trace_stop(struct trace *trace);

/* Records that found the ring full since trace_open(). */
uint64_t trace_lost(const struct trace *trace);

#endif
