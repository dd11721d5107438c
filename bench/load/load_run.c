// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "frames.h"
#include "load.h"
#include "load_hook.h"
#include "load_run.h"
#include "pktgen.h"
#include "softirq.h"

/* Each call sets up a page pool: long ones amortise it. */
#define FRAMES_A_CALL_MIN (1 << 17)
#define FRAMES_A_CALL_MAX (1 << 28)
/* veth's ring holds 256 frames and is drained between batches: with 64 none is lost in it. */
#define FRAMES_A_BATCH	 64
#define SETTLE_MS	 2
#define SETTLE_LOADED_MS 50
/* An answer that a proof still misses may be this late: other work has the processor. */
#define LATE_MS	     3000
#define RUNS_ALONE   (1 << 21)
#define PROVE_PASSES 5

struct load {
	const struct lane *lane;
	struct load_options options;
	struct load_bpf *skeleton;
	double frames_a_second; /* of one CPU, estimated */
};

/* Opening */

static void load_fill(struct load_bpf *skeleton, const struct lane *lane,
		      const struct load_options *options, bool proving)
{
	unsigned int count = frames_template_count(options->kind);

	for (unsigned int i = 0; i < count; i++) {
		struct load_frame frame;
		bool asks;

		frame = frames_template(lane, options->kind, i, &asks);
		memcpy((void *)&skeleton->rodata->templates[i], &frame, sizeof(frame));
		skeleton->rodata->template_asks |= (uint32_t)asks << i;
		if (!i) {
			struct load_frame answer = frames_answer(lane, options, &frame);

			memcpy((void *)&skeleton->rodata->answer, &answer, sizeof(answer));
		}
	}
	skeleton->rodata->template_mask = count - 1;
	skeleton->rodata->first_target = load_first_target(options->targets);
	/* addresses that miss begin one map size behind the owned ones */
	if (options->kind == LOAD_MISS)
		skeleton->rodata->first_target += 1 << 24;
	skeleton->rodata->target_count = options->targets;
	skeleton->rodata->in_sequence = proving;
	skeleton->rodata->proving = proving;
	skeleton->rodata->answer_in_tpa = options->swapped;
	skeleton->rodata->answer_trailer = options->trailer;
	for (int cpu = 0; cpu < LOAD_MAX_CPUS; cpu++)
		skeleton->bss->counts[cpu].random = 0x9e3779b97f4a7c15ULL * (cpu + 1);
}

static int load_open_as(const struct lane *lane, const struct load_options *options, bool proving,
			struct load **ret_load, struct err *err)
{
	struct load *load = calloc(1, sizeof(*load));
	int r;

	if (!load)
		return err_set(err, -ENOMEM, "out of memory");
	load->lane = lane;
	load->options = *options;
	load->skeleton = load_bpf__open();
	if (!load->skeleton) {
		r = err_set(err, negative_errno(), "opening the load: %s", strerror(errno));
		goto fail;
	}
	load_fill(load->skeleton, lane, options, proving);
	if (proving)
		bpf_map__set_max_entries(load->skeleton->maps.seen, options->targets);
	r = load_bpf__load(load->skeleton);
	if (r < 0) {
		err_set(err, r, "loading the load: %s", strerror(-r));
		goto fail;
	}
	r = load_hook_sink(lane, options, load->skeleton, err);
	if (!r)
		r = load_hook_generator(lane, options, load->skeleton, err);
	if (r < 0)
		goto fail;
	*ret_load = load;
	return 0;
fail:
	load_bpf__destroy(load->skeleton);
	free(load);
	return r;
}

int load_open(const struct lane *lane, const struct load_options *options, struct load **ret_load,
	      struct err *err)
{
	return load_open_as(lane, options, false, ret_load, err);
}

void load_close(struct load *load)
{
	if (!load)
		return;
	load_unhook(load->lane, &load->options);
	load_bpf__destroy(load->skeleton);
	free(load);
}

/* Sending */

struct sender {
	struct load *load;
	pthread_t thread;
	pthread_barrier_t *start;
	int cpu;
	uint32_t frames;
	int result;
	double seconds; /* from the first frame to the last */
	double cpu_seconds;
	double call_seconds;
};

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
	return to->tv_sec - from->tv_sec + (to->tv_nsec - from->tv_nsec) / 1e9;
}

static int send_call(const struct sender *sender)
{
	struct load_frame frame = {};
	struct xdp_md context = { .data_end = sizeof(frame),
				  .ingress_ifindex = sender->load->lane->requester_ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &frame, .data_size_in = sizeof(frame),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = sender->frames,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = FRAMES_A_BATCH);

	return bpf_prog_test_run_opts(bpf_program__fd(sender->load->skeleton->progs.load_generate),
				      &opts);
}

static void call_mark(const struct sender *sender)
{
	struct load_counts *counts = &sender->load->skeleton->bss->counts[sender->cpu];

	counts->mark = counts->sent;
	counts->last = counts->sent + sender->frames - 1;
}

static double call_seconds(const struct sender *sender)
{
	const struct load_counts *counts = &sender->load->skeleton->bss->counts[sender->cpu];

	return (double)(counts->last_ns - counts->first_ns) / 1e9;
}

/* The thread inherits the requester's namespace from its creator. */
static void *sender_run(void *data)
{
	struct sender *sender = data;
	struct timespec started, ended, called, returned;
	uint64_t softirq_ns;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sender->cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	call_mark(sender);
	softirq_ns = softirq_thread_ns(sender->cpu);
	pthread_barrier_wait(sender->start);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &started);
	clock_gettime(CLOCK_MONOTONIC, &called);
	sender->result = send_call(sender);
	clock_gettime(CLOCK_MONOTONIC, &returned);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
	sender->call_seconds = seconds_between(&called, &returned);
	sender->cpu_seconds = seconds_between(&started, &ended) +
			      (double)(softirq_thread_ns(sender->cpu) - softirq_ns) / 1e9;
	sender->seconds = call_seconds(sender);
	return NULL;
}

static struct load_counts counts_sum(const struct load *load)
{
	struct load_counts sum = {};

	for (int cpu = 0; cpu < LOAD_MAX_CPUS; cpu++) {
		const volatile struct load_counts *here = &load->skeleton->bss->counts[cpu];

		sum.sent += here->sent;
		sum.asked += here->asked;
		sum.right += here->right;
		sum.wrong += here->wrong;
	}
	return sum;
}

/* Waits for frames that are still on their way. */
static struct load_counts counts_settled(const struct load *load)
{
	struct load_counts before, now = counts_sum(load);
	unsigned int ms = load->options.settle_ms ?: SETTLE_MS, waited = 0;
	bool proving = load->skeleton->rodata->proving;

	/* under load nobody is late for want of something to do */
	if (!proving && ms > SETTLE_LOADED_MS)
		ms = SETTLE_LOADED_MS;

	do {
		before = now;
		usleep(1000 * ms);
		waited += ms;
		now = counts_sum(load);
	} while (before.right != now.right || before.wrong != now.wrong ||
		 (proving && now.right + now.wrong < now.asked && waited < LATE_MS));
	return now;
}

static int cpu_number(unsigned int index)
{
	cpu_set_t cpus;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus) && !index--)
			return cpu;
	return 0;
}

unsigned int load_cpus_available(void)
{
	cpu_set_t cpus;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	return CPU_COUNT(&cpus);
}

static int senders_run(struct load *load, struct sender *senders, unsigned int count,
		       struct err *err)
{
	pthread_barrier_t start;
	int r = 0;

	if (load->options.pktgen) {
		/* pktgen's first thread is on the first CPU, and its own */
		senders[0].load = load;
		senders[0].cpu = 0;
		call_mark(&senders[0]);
		r = pktgen_send(LANE_REQUESTER, senders[0].frames, sizeof(struct load_frame), err);
		senders[0].seconds = senders[0].cpu_seconds = call_seconds(&senders[0]);
		return r;
	}

	pthread_barrier_init(&start, NULL, count);
	for (unsigned int i = 0; i < count; i++) {
		senders[i].load = load;
		senders[i].start = &start;
		if (pthread_create(&senders[i].thread, NULL, sender_run, &senders[i])) {
			/* the other threads wait at the barrier for ever: give up */
			perror("pthread_create");
			exit(1);
		}
	}
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(senders[i].thread, NULL);
		if (senders[i].result < 0)
			r = err_set(err, senders[i].result, "sending live frames: %s",
				    strerror(-senders[i].result));
	}
	pthread_barrier_destroy(&start);
	return r;
}

static int load_send(struct load *load, unsigned int cpus, uint32_t frames,
		     struct load_result *ret_result, struct err *err)
{
	struct sender senders[LOAD_MAX_CPUS] = {};
	struct load_counts before, after;
	uint64_t received_before, received;
	struct load_result result = {};
	int r;

	for (unsigned int i = 0; i < cpus; i++)
		senders[i] = (struct sender){ .cpu = cpu_number(i), .frames = frames };
	r = lane_enter(load->lane->requester_ns, err);
	if (!r)
		r = lane_device_received(load->lane, &received_before, err);
	if (r < 0)
		return r;
	before = counts_sum(load);
	r = senders_run(load, senders, cpus, err);
	if (r < 0)
		return r;
	after = counts_settled(load);
	r = lane_device_received(load->lane, &received, err);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < cpus; i++) {
		if (senders[i].seconds > result.seconds)
			result.seconds = senders[i].seconds;
		if (senders[i].call_seconds > result.call_seconds)
			result.call_seconds = senders[i].call_seconds;
		result.cpu_seconds += senders[i].cpu_seconds;
	}
	result.sent = after.sent - before.sent;
	result.asked = after.asked - before.asked;
	result.right = after.right - before.right;
	result.wrong = after.wrong - before.wrong;
	result.received = received - received_before;
	if (load->options.sink != LOAD_SINK_PASSED && result.right + result.wrong > result.asked)
		result.duplicates = result.right + result.wrong - result.asked;
	*ret_result = result;
	return 0;
}

int load_run(struct load *load, unsigned int cpus, double seconds, struct load_result *ret_result,
	     struct err *err)
{
	double frames = seconds * load->frames_a_second;
	int r;

	if (load->options.pktgen)
		return load_send(load, 1, load->options.pktgen, ret_result, err);
	if (frames < FRAMES_A_CALL_MIN)
		frames = FRAMES_A_CALL_MIN;
	if (frames > FRAMES_A_CALL_MAX)
		frames = FRAMES_A_CALL_MAX;
	r = load_send(load, cpus, (uint32_t)frames, ret_result, err);
	if (!r)
		load->frames_a_second = (double)ret_result->sent / cpus / ret_result->seconds;
	return r;
}

int load_run_call(struct load *load, struct load_result *ret_result, struct err *err)
{
	int r = lane_enter(load->lane->requester_ns, err);

	if (r < 0)
		return r;
	bpf_xdp_detach(LOAD_GENERATOR_IFINDEX, XDP_FLAGS_SKB_MODE, NULL);
	return load_send(load, 1, LOAD_CALL_FRAMES, ret_result, err);
}

double load_run_alone(const struct load *load, uint32_t prog_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(prog_id);
	struct load_frame frame, out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &frame, .data_size_in = sizeof(frame),
		    .data_out = &out, .data_size_out = sizeof(out), .repeat = RUNS_ALONE);
	struct timespec started, ended;

	memcpy(&frame, (const void *)&load->skeleton->rodata->templates[0], sizeof(frame));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &started);
	if (fd < 0 || bpf_prog_test_run_opts(fd, &opts) < 0)
		return 0;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
	return seconds_between(&started, &ended) * 1e9 / RUNS_ALONE;
}

void load_result_add(struct load_result *sum, const struct load_result *more)
{
	sum->sent += more->sent;
	sum->asked += more->asked;
	sum->received += more->received;
	sum->right += more->right;
	sum->wrong += more->wrong;
	sum->duplicates += more->duplicates;
	sum->seconds += more->seconds;
	sum->cpu_seconds += more->cpu_seconds;
}

uint64_t load_result_lost_load(const struct load_result *result)
{
	return result->sent > result->received ? result->sent - result->received : 0;
}

uint64_t load_result_lost_answers(const struct load_result *result)
{
	uint64_t came = result->right + result->wrong + load_result_lost_load(result);

	return result->asked > came ? result->asked - came : 0;
}

/* Proving */

static int prove_answers(struct load *load, const uint64_t *seen, struct err *err)
{
	uint32_t targets = load->options.targets;
	struct load_result result;
	uint32_t silent = targets;

	for (unsigned int pass = 1; pass <= PROVE_PASSES && silent; pass++) {
		uint32_t frames = targets * frames_template_count(load->options.kind);
		int r = load_send(load, 1, frames, &result, err);

		if (r < 0)
			return r;
		if (result.wrong)
			return err_set(err, -EBADMSG, "%llu of %llu answers are wrong",
				       (unsigned long long)result.wrong,
				       (unsigned long long)(result.right + result.wrong));
		silent = 0;
		for (uint32_t i = 0; i < targets; i++) {
			if (seen[i] > pass)
				return err_set(err, -EBADMSG,
					       "target %u was answered %llu times in %u", i,
					       (unsigned long long)seen[i], pass);
			silent += !seen[i];
		}
	}
	if (silent)
		return err_set(err, -EBADMSG, "%u of %u targets got no answer in %u requests each",
			       silent, targets, PROVE_PASSES);
	return 0;
}

static int prove_passed(struct load *load, struct err *err)
{
	struct load_result result;
	int r = load_send(load, 1, FRAMES_A_BATCH, &result, err);

	if (r < 0)
		return r;
	if (result.wrong || result.right != FRAMES_A_BATCH)
		return err_set(err, -EBADMSG,
			       "of %d frames %llu came through, %llu of them changed",
			       FRAMES_A_BATCH, (unsigned long long)(result.right + result.wrong),
			       (unsigned long long)result.wrong);
	return 0;
}

int load_prove(const struct lane *lane, const struct load_options *options, struct err *err)
{
	size_t size = options->targets * sizeof(uint64_t);
	struct load_options live = *options;
	struct load *load = NULL;
	uint64_t *seen;
	int r;

	live.pktgen = 0;
	r = load_open_as(lane, &live, true, &load, err);
	if (!load)
		return r;
	if (options->sink == LOAD_SINK_PASSED) {
		r = prove_passed(load, err);
	} else {
		seen = mmap(NULL, size, PROT_READ, MAP_SHARED,
			    bpf_map__fd(load->skeleton->maps.seen), 0);
		if (seen == MAP_FAILED) {
			r = err_set(err, negative_errno(), "mmap: %s", strerror(errno));
		} else {
			r = prove_answers(load, seen, err);
			munmap(seen, size);
		}
	}
	load_close(load);
	return r;
}
