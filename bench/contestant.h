/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contestants: responders at the device under test, and how each is set up. */
#ifndef XDP_L2RESP_BENCH_CONTESTANT_H
#define XDP_L2RESP_BENCH_CONTESTANT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "lane.h"
#include "load_run.h"

struct contestants_bpf;

/* Options of a contestant's setup. */
struct contest {
	uint32_t targets;
	bool skb_mode; /* XDP programs in skb mode */
	/* No address is added. Hash maps are seeded at random: one address in a map of 256 buckets
	 * costs the look-up of another four instructions once in 256 times. */
	bool empty;
};

/* A contestant in its lane. */
struct entrant {
	const struct contestant *contestant;
	const struct contest *contest;
	struct lane lane;
	struct contestants_bpf *skeleton;
	pid_t pid;	  /* of its process, 0: none */
	uint32_t prog_id; /* of its program, 0: none */
};

struct contestant {
	const char *name;
	const char *text;    /* for reports */
	const char *program; /* of contestants.bpf.c; NULL: another */
	bool swapped;	     /* as in struct load_options */
	bool broadcast;	     /* it may answer by broadcast, as in struct load_options */
	bool trailer;
	enum load_sink sink;	/* of its answers */
	unsigned int cpus;	/* CPUs that send requests; 0: 1 */
	uint32_t max_targets;	/* 0: any number */
	unsigned int settle_ms; /* as in struct load_options */
	/* Returns 0, or -EOPNOTSUPP with @err if it can't run on this machine. */
	int (*start)(struct entrant *entrant, struct err *err);
};

extern const struct contestant contestant_bare, contestant_empty, contestant_l2resp,
	contestant_l2resp_passing, contestant_l2resp_dispatched, contestant_l2resp_chain,
	contestant_l2resp_untraced, contestant_look_up, contestant_count_inside,
	contestant_count_apart, contestant_tc, contestant_kernel_arp, contestant_proxy_arp,
	contestant_farpd, contestant_bare_2_cpus, contestant_l2resp_2_cpus;

/* Sets the path of the xdp-l2resp command. Call it before the first contestant. */
void contestant_set_cli(const char *path);
const char *contestant_cli(void);

/* Opens a lane with @contestant at its far end. -EOPNOTSUPP with @err: it can't run on this
 * machine.
 */
int entrant_open(const struct contestant *contestant, const struct contest *contest,
		 unsigned int queues, struct entrant *ret_entrant, struct err *err);
void entrant_close(struct entrant *entrant);

/* Runs the xdp-l2resp command with @words in @lane, on its BPF file system. */
int contestant_run_cli(const struct lane *lane, int input, struct err *err,
		       const char *const *words);
#define RUN_CLI(lane, err, ...) \
	contestant_run_cli(lane, -1, err, (const char *const[]){ __VA_ARGS__, NULL })

/* Writes FIRST-LAST of @count targets, for the command, to @text. */
#define TARGETS_TEXT_SIZE 40
char *contestant_targets(uint32_t count, char text[TARGETS_TEXT_SIZE]);

#endif
