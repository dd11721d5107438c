// SPDX-License-Identifier: GPL-2.0-or-later
/* Contestants from elsewhere: the kernel's own answers, and farpd. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "contestant.h"

/* The kernel's */

static int device_address(const struct entrant *entrant, struct err *err)
{
	static const char device_network[] = LANE_DEVICE_IP "/24";
	int r = lane_device_gro(&entrant->lane, true, err);

	if (!r)
		r = LANE_RUN(entrant->lane.device_ns, err, "ip", "addr", "add", device_network,
			     "dev", LANE_DEVICE);
	return r;
}

/* Both blocks of targets (load_first_target()). */
static int start_kernel_arp(struct entrant *entrant, struct err *err)
{
	int ns = entrant->lane.device_ns;
	int r = device_address(entrant, err);

	if (!r)
		r = LANE_RUN(ns, err, "ip", "link", "set", "dev", "lo", "up");
	if (!r)
		r = LANE_RUN(ns, err, "ip", "route", "add", "local", "198.18.0.0/15", "dev", "lo");
	return r ?: LANE_RUN(ns, err, "ip", "route", "add", "local", "10.0.0.0/11", "dev", "lo");
}

const struct contestant contestant_kernel_arp = {
	.name = "kernel ARP",
	.text = "the kernel's own answer for local addresses",
	.sink = LOAD_SINK_SKB,
	.start = start_kernel_arp,
};

static int start_proxy_arp(struct entrant *entrant, struct err *err)
{
	int ns = entrant->lane.device_ns;
	int r = device_address(entrant, err);

	if (!r)
		r = LANE_RUN(ns, err, "ip", "link", "add", "name", "beyond", "type", "veth", "peer",
			     "name", "beyond-peer");
	if (!r)
		r = LANE_RUN(ns, err, "ip", "link", "set", "dev", "beyond-peer", "up");
	if (!r)
		r = LANE_RUN(ns, err, "ip", "link", "set", "dev", "beyond", "up");
	if (!r)
		r = LANE_RUN(ns, err, "ip", "route", "add", "198.18.0.0/15", "dev", "beyond");
	if (!r)
		r = LANE_RUN(ns, err, "ip", "route", "add", "10.0.0.0/11", "dev", "beyond");
	if (!r)
		r = lane_sysctl(ns, "ipv4/ip_forward", "1", err);
	if (!r)
		r = lane_sysctl(ns, "ipv4/conf/" LANE_DEVICE "/proxy_arp", "1", err);
	/* by default the kernel waits up to 0.8 s before it answers for others */
	return r ?: lane_sysctl(ns, "ipv4/neigh/" LANE_DEVICE "/proxy_delay", "0", err);
}

const struct contestant contestant_proxy_arp = {
	.name = "kernel proxy_arp",
	.text = "the kernel's answer for addresses that it routes elsewhere",
	.sink = LOAD_SINK_SKB,
	.start = start_proxy_arp,
};

/* In user space */

static int start_farpd(struct entrant *entrant, struct err *err)
{
	char targets[TARGETS_TEXT_SIZE];
	/* Without a syslogd it logs every answer to the console. */
	static const char command[] =
		"[ ! -e /dev/console ] || mount --bind /dev/null /dev/console\n"
		"exec farpd -d -i " LANE_DEVICE " $0";
	const char *words[] = { "unshare", "--mount",
				"sh",	   "-c",
				command,   contestant_targets(entrant->contest->targets, targets),
				NULL };
	int r = LANE_RUN(entrant->lane.device_ns, err, "sh", "-c", "command -v farpd");

	if (r < 0)
		return err_set(err, -EOPNOTSUPP, "farpd isn't installed");
	/* it rejects a range of one address as inverted */
	if (entrant->contest->targets == 1)
		targets[strcspn(targets, "-")] = '\0';
	r = device_address(entrant, err);
	if (!r)
		r = lane_start(entrant->lane.device_ns, words, &entrant->pid, err);
	return r ?: lane_wait_packet_socket(entrant->lane.device_ns, entrant->pid, err);
}

const struct contestant contestant_farpd = {
	.name = "farpd",
	.text = "farpd, in user space; that of Debian 12 broadcasts its answers",
	.broadcast = true,
	.sink = LOAD_SINK_SKB,
	.max_targets = 16,
	.settle_ms = 1200, /* libpcap delivers packets up to a second late when there are few */
	.start = start_farpd,
};
