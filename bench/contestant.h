/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who answers at the device under test, and how each is put there. */
#ifndef XDP_L2RESP_BENCH_CONTESTANT_H
#define XDP_L2RESP_BENCH_CONTESTANT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "lane.h"
#include "load_run.h"

struct contestants_bpf;

/* What a contestant is asked to be ready for. */
struct contest {
	uint32_t targets;
	bool skb_mode; /* XDP programs in skb mode */
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
	bool broadcast;	     /* it may answer as that says, in struct load_options */
	bool trailer;
	enum load_sink sink;	/* of its answers */
	unsigned int cpus;	/* that it is asked from; 0: 1 */
	uint32_t max_targets;	/* 0: any number */
	unsigned int settle_ms; /* as in struct load_options */
	/* 0; -EOPNOTSUPP with @err where this machine can't have it */
	int (*start)(struct entrant *entrant, struct err *err);
};

extern const struct contestant contestant_bare, contestant_empty, contestant_l2resp,
	contestant_l2resp_passing, contestant_l2resp_dispatched, contestant_l2resp_chain,
	contestant_l2resp_untraced, contestant_look_up, contestant_count_inside,
	contestant_count_apart, contestant_tc, contestant_kernel_arp, contestant_proxy_arp,
	contestant_farpd, contestant_bare_2_cpus, contestant_l2resp_2_cpus;

/* The xdp-l2resp command. Before the first contestant. */
void contestant_set_cli(const char *path);
const char *contestant_cli(void);

/* A lane with @contestant at its far end. -EOPNOTSUPP with @err: not on this machine. */
int entrant_open(const struct contestant *contestant, const struct contest *contest,
		 unsigned int queues, struct entrant *ret_entrant, struct err *err);
void entrant_close(struct entrant *entrant);

/* Runs the xdp-l2resp command with @words in @lane, on its BPF file system. */
int contestant_run_cli(const struct lane *lane, int input, struct err *err,
		       const char *const *words);
#define RUN_CLI(lane, err, ...) \
	contestant_run_cli(lane, -1, err, (const char *const[]){ __VA_ARGS__, NULL })

/* FIRST-LAST of @count targets, as the command takes it, to @text. */
#define TARGETS_TEXT_SIZE 40
char *contestant_targets(uint32_t count, char text[TARGETS_TEXT_SIZE]);

#endif
