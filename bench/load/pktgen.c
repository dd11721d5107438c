// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "pktgen.h"

#define PKTGEN "/proc/thread-self/net/pktgen/"

bool pktgen_here(void)
{
	return !access(PKTGEN "pgctrl", W_OK);
}

static int command(const char *file, const char *text, struct err *err)
{
	_cleanup_close_ int fd = -1;
	char path[96], line[96];

	snprintf(path, sizeof(path), PKTGEN "%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* pktgen drops the last character, whatever it is */
	snprintf(line, sizeof(line), "%s\n", text);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		return err_set(err, negative_errno(), "pktgen: %s: %s", text, strerror(errno));
	return 0;
}

int pktgen_send(const char *device, uint32_t count, unsigned int size, struct err *err)
{
	/* queue_xmit goes by way of tc egress, where the packets become this load's frames; a
	 * clone would be rewritten under whoever holds it */
	static const char *const settings[] = { "clone_skb 0", "xmit_mode queue_xmit", "delay 0" };
	char text[64];
	int r;

	snprintf(text, sizeof(text), "add_device %s", device);
	r = command("kpktgend_0", "rem_device_all", err);
	if (!r)
		r = command("kpktgend_0", text, err);
	for (size_t i = 0; !r && i < sizeof(settings) / sizeof(settings[0]); i++)
		r = command(device, settings[i], err);
	snprintf(text, sizeof(text), "pkt_size %u", size);
	if (!r)
		r = command(device, text, err);
	snprintf(text, sizeof(text), "count %u", count);
	if (!r)
		r = command(device, text, err);
	return r ?: command("pgctrl", "start", err);
}
