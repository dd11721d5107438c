/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a pcap file of the frames that the data path recorded. */
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

/* Closes the file. Frames that weren't flushed may be lost. Safe on NULL. */
void capture_close(struct capture **capture);

/* Adds the request of @record, and the reply right after it, at @when by the wall clock. */
void capture_add(struct capture *capture, const struct trace_record *record,
		 const struct timespec *when);

/* Writes all added frames to the file or pipe. Returns 0 or a negative errno with @err. */
int capture_flush(struct capture *capture, struct err *err);

#endif
