/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A requester and a device under test: the two ends of a veth pair in two unnamed network
 * namespaces, which the kernel removes with the last process in them. So nothing is left, however
 * this process ends.
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

/* Names of the two ends; their namespaces have no other device except lo. */
#define LANE_REQUESTER "requester"
#define LANE_DEVICE    "device"

/*
 * Isolates this process from the host: a mount namespace with its own BPF file system. Call it
 * before the first thread starts. Returns 0 or a negative errno with @err.
 */
int lane_isolate(struct err *err);

/* Creates a veth pair with @queues receive queues per end, and sets it up. */
int lane_open(struct lane *ret_lane, unsigned int queues, struct err *err);
void lane_close(struct lane *lane);

/* Moves the calling thread to @ns. */
int lane_enter(int ns, struct err *err);

/*
 * Runs a program in @ns and waits for it. If it fails, returns -EIO with its output in @err;
 * -ENOENT: no such program. @input: its standard input's file descriptor, or NULL. @words:
 * NULL-terminated.
 */
int lane_run(int ns, int input, const char *const *words, struct err *err);
#define LANE_RUN(ns, err, ...) lane_run(ns, -1, (const char *const[]){ __VA_ARGS__, NULL }, err)

/* Starts a program in @ns and leaves it running; it is killed when this process ends. */
int lane_start(int ns, const char *const *words, pid_t *ret_pid, struct err *err);
/* Waits until the program listens on a packet socket, the only one in @ns. */
int lane_wait_packet_socket(int ns, pid_t pid, struct err *err);
void lane_stop(pid_t pid);

/* Writes @value to @path below /proc/sys/net, in @ns. */
int lane_sysctl(int ns, const char *path, const char *value, struct err *err);

/* Enables GRO on the device under test, so that veth polls its ring by NAPI without an XDP program.
 */
int lane_device_gro(const struct lane *lane, bool on, struct err *err);

/* Returns the number of frames that the device under test read from its rings. */
int lane_device_received(const struct lane *lane, uint64_t *ret_received, struct err *err);

#endif
