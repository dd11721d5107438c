// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <pcap/pcap.h>

#include "alloc.h"
#include "capture.h"

struct capture {
	const char *path;
	pcap_t *format;
	pcap_dumper_t *dumper;
};

static int capture_do_open(struct capture *capture, struct err *err)
{
	FILE *file;

	capture->format = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, L2RESP_TRACE_SNAPLEN,
							       PCAP_TSTAMP_PRECISION_NANO);
	if (!capture->format)
		alloc_fail();
	/* a stream of its own: the dumper closes it */
	file = strcmp(capture->path, "-") != 0 ? fopen(capture->path, "we")
					       : fdopen(dup(STDOUT_FILENO), "w");
	if (!file)
		return err_set(err, negative_errno(), "%s: %s", capture->path, strerror(errno));
	capture->dumper = pcap_dump_fopen(capture->format, file);
	if (!capture->dumper) {
		fclose(file);
		return err_set(err, -EIO, "%s: %s", capture->path, pcap_geterr(capture->format));
	}
	/* a reader sees the header before the first packet */
	return capture_flush(capture, err);
}

int capture_open(const char *path, struct capture **ret_capture, struct err *err)
{
	struct capture *capture = xcalloc(1, sizeof(*capture));
	int r;

	capture->path = path;
	r = capture_do_open(capture, err);
	if (r < 0) {
		capture_close(&capture);
		return r;
	}
	*ret_capture = capture;
	return 0;
}

void capture_close(struct capture **capture)
{
	if (!*capture)
		return;
	if ((*capture)->dumper)
		pcap_dump_close((*capture)->dumper);
	if ((*capture)->format)
		pcap_close((*capture)->format);
	free(*capture);
	*capture = NULL;
}

void capture_add(struct capture *capture, const struct trace_record *record,
		 const struct timespec *when)
{
	struct pcap_pkthdr header = {
		/* nanoseconds, as the file's precision has it (pcap_dump(3)) */
		.ts = { .tv_sec = when->tv_sec, .tv_usec = when->tv_nsec },
		.caplen = record->captured,
		.len = record->length,
	};

	pcap_dump((u_char *)capture->dumper, &header, record->request);
	if (record->replied)
		pcap_dump((u_char *)capture->dumper, &header, record->reply);
}

int capture_flush(struct capture *capture, struct err *err)
{
	bool failed_before = ferror(pcap_dump_file(capture->dumper));

	if (!pcap_dump_flush(capture->dumper) && !failed_before)
		return 0;
	return err_set(err, negative_errno(), "writing %s: %s",
		       strcmp(capture->path, "-") != 0 ? capture->path : "the packets",
		       strerror(errno ?: EIO));
}
