/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the records that the data path writes of handled frames (xdp/trace.bpf.h). It writes them
 * only while a reader, of which there can be one, renews its request.
 */
#ifndef XDP_L2RESP_TRACE_H
#define XDP_L2RESP_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "l2resp.h"
#include "pins.h"

/* Call trace_renew() every TRACE_RENEW_MS. */
#define TRACE_RENEW_MS 1000
#define TRACE_LEASE_MS 3000

/* Called with a record. Returns false to end trace_read(). */
typedef bool trace_record_fn(const struct trace_record *record, void *context);

struct trace;

/*
 * Becomes the reader, creates the ring buffer and starts the recording. trace_read() will call
 * @record. @pins must stay open until trace_close(). -EBUSY with @err: there is a reader; -EPROTO
 * and other errors with @err.
 */
int trace_open(const struct pins *pins, trace_record_fn *record, void *context,
	       struct trace **ret_trace, struct err *err);

/* Stops the recording and lets another reader start. Safe on NULL. */
void trace_close(struct trace **trace);

/* Returns a descriptor that is readable when there are records; @trace owns it. */
int trace_fd(const struct trace *trace);

/*
 * Passes records to @record until there are none, it returns false, or a few hundred were passed,
 * so that the caller can call trace_renew() in time. Returns true if there may be more.
 */
bool trace_read(struct trace *trace);

/*
 * Lets the data path record for TRACE_LEASE_MS more. Returns 0; 1 if the former time had run out,
 * so that frames may be missing that weren't counted as lost; -ESTALE with @err if the pins were
 * removed: programs attached later use other maps.
 */
int trace_renew(struct trace *trace, struct err *err);

/* Stops the recording. Records written before can still be read. */
void trace_stop(struct trace *trace);

/* Returns the number of records lost since trace_open() because the ring was full. */
uint64_t trace_lost(const struct trace *trace);

#endif
