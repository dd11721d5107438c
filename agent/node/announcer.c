// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h> /* before <linux/if.h>, which then leaves its part out */
#include <linux/if.h>
#include <utlist.h>

#include "alloc.h"
#include "announce.h"
#include "announcer.h"
#include "clock.h"
#include "hash.h"
#include "log.h"
#include "loop.h"

/* A late turn may catch up on the frames of this time. */
#define BURST_NS 10000000ULL
/* Retry interval while the interface's queue or the socket's send buffer is full. */
#define BUSY_NS 10000000ULL
/* Retry interval while the interface has no carrier. */
#define NO_CARRIER_NS 100000000ULL

/* Hashed as bytes, so its padding must be zero. */
struct job_key {
	struct address address;
	uint32_t ifindex;
};

struct job {
	struct job_key key;
	enum announcer_why why;
	uint32_t left;
	uint64_t due_ns; /* of a repeat */
	struct job *prev, *next;
	UT_hash_handle hh;
};

/* The jobs of an interface. */
struct lane {
	uint32_t ifindex;
	uint64_t next_ns;		    /* no frame is sent before */
	struct job *queues[ANNOUNCER_WHYS]; /* repeats become due in the order of the queue */
	struct lane *prev, *next;
	UT_hash_handle hh;
};

struct announcer {
	const struct links *links;
	struct program *program;
	sd_event_source *timer;
	struct job *jobs;	    /* by key */
	struct lane *lanes, *order; /* hash by ifindex; list in the order of service */
	uint32_t count;
	uint64_t interval_ns, frame_ns;
	uint64_t sent;
	struct log_limit failed;
	int fd; /* one packet socket for all interfaces */
};

static struct lane *lane_get(struct announcer *announcer, uint32_t ifindex)
{
	struct lane *lane;

	HASH_FIND(hh, announcer->lanes, &ifindex, sizeof(ifindex), lane);
	if (lane)
		return lane;
	lane = xcalloc(1, sizeof(*lane));
	lane->ifindex = ifindex;
	HASH_ADD(hh, announcer->lanes, ifindex, sizeof(lane->ifindex), lane);
	DL_APPEND(announcer->order, lane);
	return lane;
}

/* The most urgent job of @lane that is due, or NULL. */
static struct job *lane_next(const struct lane *lane, uint64_t now_ns)
{
	for (enum announcer_why why = 0; why < ANNOUNCER_WHYS; why++)
		if (lane->queues[why] && lane->queues[why]->due_ns <= now_ns)
			return lane->queues[why];
	return NULL;
}

/* When @lane's next job is due; UINT64_MAX: never. */
static uint64_t lane_due_ns(const struct lane *lane)
{
	uint64_t due_ns = UINT64_MAX;

	for (enum announcer_why why = 0; why < ANNOUNCER_WHYS; why++)
		if (lane->queues[why] && lane->queues[why]->due_ns < due_ns)
			due_ns = lane->queues[why]->due_ns;
	return due_ns == UINT64_MAX || due_ns > lane->next_ns ? due_ns : lane->next_ns;
}

static void lane_free(struct announcer *announcer, struct lane *lane)
{
	HASH_DEL(announcer->lanes, lane);
	DL_DELETE(announcer->order, lane);
	free(lane);
}

/* Frees the lanes that have no job, and whose rate limit has ended: interfaces come and go. */
static void lanes_prune(struct announcer *announcer)
{
	uint64_t now_ns = clock_boot_ns();
	struct lane *lane, *next;

	DL_FOREACH_SAFE(announcer->order, lane, next)
	{
		if (lane_due_ns(lane) == UINT64_MAX && lane->next_ns + BURST_NS <= now_ns)
			lane_free(announcer, lane);
	}
}

static void schedule(struct announcer *announcer)
{
	uint64_t due_ns = UINT64_MAX;
	struct lane *lane;

	DL_FOREACH(announcer->order, lane)
	{
		uint64_t lane_ns = lane_due_ns(lane);

		due_ns = lane_ns < due_ns ? lane_ns : due_ns;
	}
	loop_timer_at(announcer->timer, due_ns);
}

static void job_move(struct lane *lane, struct job *job, enum announcer_why why)
{
	DL_DELETE(lane->queues[job->why], job);
	job->why = why;
	DL_APPEND(lane->queues[why], job);
}

static void job_end(struct announcer *announcer, struct lane *lane, struct job *job)
{
	DL_DELETE(lane->queues[job->why], job);
	HASH_DEL(announcer->jobs, job);
	free(job);
}

static void job_send(struct announcer *announcer, struct lane *lane, struct job *job,
		     uint64_t now_ns)
{
	const struct links_row *row = links_find(links_table(announcer->links), lane->ifindex);
	struct announcement what = { .address = job->key.address, .override = true };
	unsigned int frames = address_is_v4(&what.address) ? 2 : 1;
	struct err err;
	int r;

	if (!row || !program_answers(announcer->program, &what.address, lane->ifindex, what.mac)) {
		job_end(announcer, lane, job);
		return;
	}
	/* links_row.carrier hides a short loss, and sendto() succeeds although the frame is lost */
	if (!(row->link.flags & IFF_LOWER_UP)) {
		lane->next_ns = now_ns + NO_CARRIER_NS;
		return;
	}
	r = announce_send(announcer->fd, &row->link, &what, &err);
	if (r == -EAGAIN || r == -ENOBUFS) {
		lane->next_ns = now_ns + BUSY_NS;
		return;
	}
	if (r < 0)
		log_limited(&announcer->failed, LOG_WARNING, "%s", err.text);
	else
		announcer->sent++;
	if (lane->next_ns + BURST_NS < now_ns)
		lane->next_ns = now_ns - BURST_NS;
	lane->next_ns += frames * announcer->frame_ns;
	if (!--job->left) {
		job_end(announcer, lane, job);
		return;
	}
	job->due_ns = now_ns + announcer->interval_ns;
	job_move(lane, job, ANNOUNCER_REPEAT);
}

/* Sends one announcement on each interface that has a due job. False: none has. */
static bool round_of_all(struct announcer *announcer)
{
	struct lane *lane, *next;
	bool any = false;

	DL_FOREACH_SAFE(announcer->order, lane, next)
	{
		uint64_t now_ns = clock_boot_ns();
		struct job *job = lane->next_ns <= now_ns ? lane_next(lane, now_ns) : NULL;

		if (!job)
			continue;
		job_send(announcer, lane, job, now_ns);
		any = true;
	}
	return any;
}

static int announcer_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct announcer *announcer = userdata;
	uint64_t begun_ns = clock_boot_ns();

	program_follow(announcer->program);
	while (round_of_all(announcer) && loop_may_go_on(begun_ns))
		;
	log_limit_tick(&announcer->failed, LOG_WARNING);
	lanes_prune(announcer);
	schedule(announcer);
	return 0;
}

void announcer_add(struct announcer *announcer, const struct address *address, uint32_t ifindex,
		   enum announcer_why why)
{
	uint32_t left = why == ANNOUNCER_TAKEOVER ? announcer->count : 1;
	struct job_key key = {};
	struct lane *lane;
	struct job *job;

	key.address = *address;
	key.ifindex = ifindex;
	HASH_FIND(hh, announcer->jobs, &key, sizeof(key), job);
	if (!left)
		return;
	lane = lane_get(announcer, ifindex);
	if (!job) {
		job = xcalloc(1, sizeof(*job));
		job->key = key;
		job->why = why;
		HASH_ADD(hh, announcer->jobs, key, sizeof(job->key), job);
		DL_APPEND(lane->queues[why], job);
	} else if (why < job->why) {
		job_move(lane, job, why);
	}
	if (job->why == why)
		job->due_ns = 0;
	if (left > job->left)
		job->left = left;
	schedule(announcer);
}

int announcer_new(sd_event *event, const struct links *links, struct program *program,
		  struct announcer **ret_announcer, struct err *err)
{
	struct announcer *announcer = xcalloc(1, sizeof(*announcer));
	int r;

	announcer->links = links;
	announcer->program = program;
	announcer->fd = announce_open(err);
	if (announcer->fd < 0) {
		r = announcer->fd;
		announcer_free(announcer);
		return r;
	}
	/* Nothing waits in sendto() for an interface that can't send. But some 250 of its frames
	 * fill the one socket's send buffer, and put off the other interfaces' as well. */
	fcntl(announcer->fd, F_SETFL, O_NONBLOCK);
	r = loop_timer_new(event, LOOP_NEVER, announcer_turn, announcer, &announcer->timer);
	if (r < 0) {
		announcer_free(announcer);
		return err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	*ret_announcer = announcer;
	return 0;
}

void announcer_free(struct announcer *announcer)
{
	struct job *job, *next_job;
	struct lane *lane, *next_lane;

	if (!announcer)
		return;
	sd_event_source_disable_unref(announcer->timer);
	if (announcer->fd >= 0)
		close(announcer->fd);
	HASH_ITER(hh, announcer->jobs, job, next_job)
	{
		HASH_DEL(announcer->jobs, job);
		free(job);
	}
	DL_FOREACH_SAFE(announcer->order, lane, next_lane)
	lane_free(announcer, lane);
	free(announcer);
}

void announcer_configure(struct announcer *announcer, uint32_t count, uint64_t interval_ns,
			 uint32_t rate)
{
	announcer->count = count;
	announcer->interval_ns = interval_ns;
	announcer->frame_ns = CLOCK_NS_PER_S / rate;
}

uint64_t announcer_sent(const struct announcer *announcer)
{
	return announcer->sent;
}
