// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * monitor's decoder on any frame, cut anywhere: it reads no further, says one line, and JSON that
 * is JSON. What goes to a pcap file libpcap reads back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <pcap/pcap.h>
#include <sys/mman.h>

#include "capture.h"
#include "decode.h"
#include "fail.h"

static void check_text(const struct decoded *decoded)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	decode_print(decoded, to);
	fclose(to);
	if (!size || strlen(text) != size)
		fail("found", "no text");
	for (size_t i = 0; i < size; i++)
		if (text[i] < ' ' || text[i] > '~')
			fail("found", "no line of text");
	free(text);
}

static void check_json(const struct decoded *decoded)
{
	json_t *json = decode_json(decoded), *again;
	char *text = json_dumps(json, 0);

	again = text ? json_loads(text, 0, NULL) : NULL;
	if (!json_equal(json, again))
		fail("found", "other JSON when read back");
	json_decref(json);
	json_decref(again);
	free(text);
}

static void check_addresses(const struct decoded *decoded)
{
	struct address address;
	uint8_t mac[6];

	if (!decode_sender(decoded, &address, mac))
		return;
	if (!decode_mentions(decoded, &address))
		fail("found", "its sender isn't mentioned");
	if (decoded->kind == DECODE_OTHER || decoded->truncated)
		fail("found", "the sender of what isn't known");
}

static void check_packet(pcap_t *file, const struct trace_record *record, const uint8_t *bytes)
{
	struct pcap_pkthdr *header;
	const u_char *found;

	if (pcap_next_ex(file, &header, &found) != 1)
		fail("found", "a packet is missing");
	if (header->caplen != record->captured || header->len != record->length ||
	    header->ts.tv_sec != 7 || header->ts.tv_usec != 999999999 ||
	    memcmp(found, bytes, record->captured) != 0)
		fail("found", "another packet");
}

static void check_capture(const struct trace_record *record)
{
	static const struct timespec when = { 7, 999999999 };
	static int fd = -1;
	static char path[64], why[PCAP_ERRBUF_SIZE];
	struct capture *capture;
	struct pcap_pkthdr *header;
	const u_char *found;
	struct err err;
	pcap_t *file;

	if (fd < 0) {
		fd = memfd_create("pcap", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (capture_open(path, &capture, &err))
		fail("found", err.text);
	capture_add(capture, record, &when);
	if (capture_flush(capture, &err))
		fail("found", err.text);
	capture_close(&capture);
	file = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!file)
		fail("found", why);
	check_packet(file, record, record->request);
	if (record->replied)
		check_packet(file, record, record->reply);
	if (pcap_next_ex(file, &header, &found) != PCAP_ERROR_BREAK)
		fail("found", "a packet too many");
	pcap_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two bytes: how much of the frame wasn't captured, and whether there was a reply. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_record record = {};
	struct decoded decoded;
	uint8_t *frame;
	size_t captured;

	if (size < 2)
		return 0;
	captured = size - 2 < L2RESP_TRACE_SNAPLEN ? size - 2 : L2RESP_TRACE_SNAPLEN;
	record.captured = captured;
	record.length = captured + data[0];
	record.replied = data[1] & 1;
	memcpy(record.request, data + 2, captured);
	memset(record.reply, data[1], captured);
	/* in memory that ends where the frame does */
	frame = malloc(captured);
	memcpy(frame, data + 2, captured);
	if (!decode_frame(frame, captured, record.length, &decoded)) {
		check_text(&decoded);
		check_json(&decoded);
		check_addresses(&decoded);
	} else if (captured >= ETH_HLEN) {
		fail("found", "a frame that isn't taken");
	}
	free(frame);
	check_capture(&record);
	return 0;
}
