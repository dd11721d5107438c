// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>

#include "cleanup.h"
#include "pktgen.h"
#include "point.h"

#define CALL_ROUNDS 5

/* A contestant and the load on its lane while the point is measured. */
struct turn {
	struct entrant entrant;
	struct load *load;
	bool here;
};

static void standing_drop(struct standing *standing, int error)
{
	standing->state = error == -EOPNOTSUPP ? STANDING_SKIPPED : STANDING_FAILED;
}

static int turn_prepare(const struct point *point, const struct contest *contest,
			const struct contestant *contestant, uint32_t pktgen, struct turn *turn,
			struct err *err)
{
	struct load_options options = {
		.kind = point->scenario->kind,
		.sink = contestant->sink,
		.targets = point->targets,
		.swapped = contestant->swapped,
		.broadcast = contestant->broadcast,
		.trailer = contestant->trailer,
		.pktgen = pktgen,
		.settle_ms = contestant->settle_ms,
	};
	int r;

	if (contestant->cpus > load_cpus_available())
		return err_set(err, -EOPNOTSUPP, "needs %u CPUs", contestant->cpus);
	if (contestant->max_targets && point->targets > contestant->max_targets)
		return err_set(err, -EOPNOTSUPP, "takes %u addresses at most",
			       contestant->max_targets);
	/* a generic XDP program answers with skbs, which native XDP at the requester would copy */
	if (point->scenario->skb_mode && options.sink == LOAD_SINK_XDP)
		options.sink = LOAD_SINK_SKB;
	r = entrant_open(contestant, contest, point->scenario->queues ?: 1, &turn->entrant, err);
	if (r < 0)
		return r;
	if (pktgen && (lane_enter(turn->entrant.lane.requester_ns, err) < 0 || !pktgen_here()))
		r = err_set(err, -EOPNOTSUPP, "this kernel has no pktgen, or it isn't loaded");
	else
		r = load_prove(&turn->entrant.lane, &options, err);
	if (r == -EBADMSG && options.broadcast) {
		/* newer versions answer only by unicast */
		options.broadcast = false;
		r = load_prove(&turn->entrant.lane, &options, err);
	}
	if (!r)
		r = load_open(&turn->entrant.lane, &options, &turn->load, err);
	if (r < 0)
		entrant_close(&turn->entrant);
	turn->here = !r;
	return r;
}

/* One round of one contestant. */
static int turn_take(struct turn *turn, struct standing *standing, double seconds)
{
	struct load_result result;
	unsigned int cpus = standing->contestant->cpus ?: 1;
	int r = load_run(turn->load, cpus, seconds, &result, &standing->err);

	if (r < 0)
		return r;
	load_result_add(&standing->total, &result);
	if (result.wrong)
		return err_set(&standing->err, -EBADMSG, "%llu wrong answers under load",
			       (unsigned long long)result.wrong);
	if (result.duplicates)
		return err_set(&standing->err, -EBADMSG, "%llu answers too many under load",
			       (unsigned long long)result.duplicates);
	standing->rates[standing->rounds] = (double)result.right / result.seconds;
	standing->cpu_rates[standing->rounds++] = (double)result.right * cpus / result.cpu_seconds;
	return 0;
}

static void rounds_take(struct point *point, struct turn *turns, const struct pace *pace,
			point_progress_fn *progress)
{
	for (unsigned int round = 0; round < pace->rounds; round++) {
		char doing[64];

		snprintf(doing, sizeof(doing), "round %u of %u", round + 1, pace->rounds);
		progress(point, doing);
		for (unsigned int turn = 0; turn < point->count; turn++) {
			/* change the order, so that none always follows the same one */
			unsigned int i = (turn + round) % point->count;
			struct standing *standing = &point->standings[i];
			int r;

			if (standing->state != STANDING_MEASURED)
				continue;
			r = turn_take(&turns[i], standing, pace->round_seconds);
			if (r < 0)
				standing_drop(standing, r);
		}
	}
}

/* Measures as a harness does that only knows when its calls began and ended. */
static void calls_take(struct point *point, struct turn *turns, const struct pace *pace,
		       point_progress_fn *progress)
{
	for (unsigned int round = 0; round < pace->rounds && round < CALL_ROUNDS; round++) {
		progress(point, "whole calls");
		for (unsigned int turn = 0; turn < point->count; turn++) {
			unsigned int i = (turn + round) % point->count;
			struct standing *standing = &point->standings[i];
			struct load_result result;

			if (standing->state != STANDING_MEASURED ||
			    load_run_call(turns[i].load, &result, &standing->err) < 0)
				continue;
			standing->call_rates[standing->calls++] =
				(double)result.right / result.call_seconds;
		}
	}
}

static bool program_read(uint32_t id, struct bpf_prog_info *ret_info)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	uint32_t size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, ret_info, &size);
}

static void program_cost_take(struct turn *turn, struct standing *standing, double seconds)
{
	_cleanup_close_ int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct bpf_prog_info before, after;
	struct load_result ignored;

	if (!program_read(turn->entrant.prog_id, &before))
		return;
	standing->program = (struct program_cost){
		.xlated_bytes = before.xlated_prog_len,
		.jited_bytes = before.jited_prog_len,
		.verified_insns = before.verified_insns,
	};
	if (stats < 0 || load_run(turn->load, 1, seconds, &ignored, &standing->err) < 0 ||
	    !program_read(turn->entrant.prog_id, &after) || after.run_cnt == before.run_cnt)
		return;
	standing->program.run_ns = (double)(after.run_time_ns - before.run_time_ns) /
				   (double)(after.run_cnt - before.run_cnt);
}

static struct spread ratios(const double *rates, const double *first, unsigned int rounds)
{
	double shares[POINT_MAX_ROUNDS];

	for (unsigned int round = 0; round < rounds; round++)
		shares[round] = rates[round] / first[round];
	return spread_of(shares, rounds);
}

/*
 * A program that leaves the frame as it is can be run over and over on it, without any device: in
 * turns, and by CPU time.
 */
static void programs_run_alone(struct point *point, struct turn *turns, const struct pace *pace)
{
	double ns[SCENARIO_MAX_CONTESTANTS][POINT_MAX_ROUNDS];

	for (unsigned int round = 0; round < pace->rounds; round++)
		for (unsigned int i = 0; i < point->count; i++)
			if (turns[i].here)
				ns[i][round] =
					load_run_alone(turns[i].load, turns[i].entrant.prog_id);
	for (unsigned int i = 0; i < point->count; i++)
		if (turns[i].here)
			point->standings[i].program.alone_ns = spread_of(ns[i], pace->rounds);
}

static void standings_conclude(struct point *point)
{
	const struct standing *first = &point->standings[0];

	for (unsigned int i = 0; i < point->count; i++) {
		struct standing *standing = &point->standings[i];

		if (standing->state != STANDING_MEASURED)
			continue;
		standing->rate = spread_of(standing->rates, standing->rounds);
		standing->cpu_rate = spread_of(standing->cpu_rates, standing->rounds);
		if (first->state != STANDING_MEASURED)
			continue;
		standing->ratio = ratios(standing->rates, first->rates, standing->rounds);
		standing->cpu_ratio =
			ratios(standing->cpu_rates, first->cpu_rates, standing->rounds);
		if (!standing->calls || standing->calls != first->calls)
			continue;
		standing->call_rate = spread_of(standing->call_rates, standing->calls);
		standing->call_ratio =
			ratios(standing->call_rates, first->call_rates, standing->calls);
	}
}

void point_measure(const struct scenario *scenario, uint32_t targets, const struct pace *pace,
		   point_progress_fn *progress, struct point *ret_point)
{
	const struct contest contest = { .targets = targets,
					 .skb_mode = scenario->skb_mode,
					 .empty = scenario->gate && scenario->kind == LOAD_MISS };
	struct turn turns[SCENARIO_MAX_CONTESTANTS] = {};
	struct point *point = ret_point;

	*point = (struct point){ .scenario = scenario, .targets = targets };
	for (; scenario->contestants[point->count]; point->count++) {
		struct standing *standing = &point->standings[point->count];
		int r;

		standing->contestant = scenario->contestants[point->count];
		progress(point, standing->contestant->name);
		r = turn_prepare(point, &contest, standing->contestant, pace->pktgen,
				 &turns[point->count], &standing->err);
		if (r < 0)
			standing_drop(standing, r);
	}
	if (!pace->smoke) {
		/* the first turn fills caches and page pools, and isn't counted */
		struct point warm_up = *point;
		const struct pace once = { .rounds = 1, .round_seconds = pace->round_seconds / 4 };

		rounds_take(&warm_up, turns, &once, progress);
	}
	rounds_take(point, turns, pace, progress);
	for (unsigned int i = 0; i < point->count; i++)
		if (point->standings[i].state == STANDING_MEASURED && !pace->smoke)
			program_cost_take(&turns[i], &point->standings[i], pace->round_seconds);
	if (!pace->smoke && !load_kind_answered(scenario->kind))
		programs_run_alone(point, turns, pace);
	/* last: the loads are slow afterwards */
	if (!pace->smoke && !pace->pktgen && scenario->calls)
		calls_take(point, turns, pace, progress);
	standings_conclude(point);
	for (unsigned int i = 0; i < point->count; i++)
		if (turns[i].here) {
			load_close(turns[i].load);
			entrant_close(&turns[i].entrant);
		}
}
