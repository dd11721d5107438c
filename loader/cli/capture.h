/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pcap file of the frames that the data path recorded. */
#ifndef XDP_L2RESP_CAPTURE_H
#define XDP_L2RESP_CAPTURE_H

#include <stdint.h>
#include <time.h>

#include "err.h"
#include "l2resp.h"

struct capture;

/*
 * Begins the file @path, or standard output for "-": Ethernet, times in nanoseconds,
 * L2RESP_TRACE_SNAPLEN bytes a packet. An error with @err.
 */
int capture_open(const char *path, struct capture **ret_capture, struct err *err);

/* Ends it. What was added and not flushed may be lost. Safe on NULL. */
void capture_close(struct capture **capture);

/* Adds the request of @record, and the reply right after it, at @when by the wall clock. */
void capture_add(struct capture *capture, const struct trace_record *record,
		 const struct timespec *when);

/* Everything added is in the file, or with the pipe's reader; else an error with @err. */
int capture_flush(struct capture *capture, struct err *err);

#endif
