/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A requester and a device under test: the two ends of a veth pair in two network namespaces
 * without names, which go with the last process that holds them. Nothing is left behind, however
 * this one ends.
 */
#ifndef XDP_L2RESP_BENCH_LANE_H
#define XDP_L2RESP_BENCH_LANE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/if_ether.h>

#include "err.h"

/* Addresses of the two ends, for contestants that are whole IP hosts (RFC 5737). */
#define LANE_REQUESTER_IP "192.0.2.1"
#define LANE_DEVICE_IP	  "192.0.2.2"

struct lane {
	int requester_ns;
	int device_ns;
	int requester_socket; /* in that namespace, for ioctls */
	int device_socket;
	unsigned int requester_ifindex;
	unsigned int device_ifindex;
	uint8_t requester_mac[ETH_ALEN];
	uint8_t device_mac[ETH_ALEN];
	char bpffs[64]; /* a directory of its own */
};

/* Names of the two ends, each alone in its namespace but for lo. */
#define LANE_REQUESTER "requester"
#define LANE_DEVICE    "device"

/*
 * Cuts this process off from the host: a mount namespace with a BPF file system of its own. Before
 * the first thread. Returns 0 or a negative errno with @err.
 */
int lane_isolate(struct err *err);

/* A veth pair with @queues receive queues an end, up. */
int lane_open(struct lane *ret_lane, unsigned int queues, struct err *err);
void lane_close(struct lane *lane);

/* The calling thread goes into @ns. */
int lane_enter(int ns, struct err *err);

/*
 * Runs a program in @ns until it ends, its output kept from the terminal and put into @err when it
 * fails: -EIO then, -ENOENT where there is no such program. @input, if not NULL, is its standard
 * input's file descriptor. @words: NULL-terminated.
 */
int lane_run(int ns, int input, const char *const *words, struct err *err);
#define LANE_RUN(ns, err, ...) lane_run(ns, -1, (const char *const[]){ __VA_ARGS__, NULL }, err)

/* Starts a program in @ns and leaves it running; it is killed when this process ends. */
int lane_start(int ns, const char *const *words, pid_t *ret_pid, struct err *err);
/* Until the program listens on a packet socket, the only one in @ns. */
int lane_wait_packet_socket(int ns, pid_t pid, struct err *err);
void lane_stop(pid_t pid);

/* Writes @value to @path below /proc/sys/net, in @ns. */
int lane_sysctl(int ns, const char *path, const char *value, struct err *err);

/* GRO on the device under test: veth polls its ring by NAPI then, without an XDP program. */
int lane_device_gro(const struct lane *lane, bool on, struct err *err);

/* Frames that came out of the ring of the device under test, all queues. */
int lane_device_received(const struct lane *lane, uint64_t *ret_received, struct err *err);

#endif
