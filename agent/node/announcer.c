// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "announce.h"
#include "announcer.h"
#include "clock.h"

/* Announcements a turn of the event loop: renewals mustn't wait for 100,000 frames. */
#define TURN 256

struct job {
	struct address address;
	uint32_t ifindex;
	uint32_t left;
	uint64_t due_ns;
};

/* First in, first out; jobs of one queue are due in the order in which they came. */
struct queue {
	struct job *jobs;
	size_t first, count, capacity; /* capacity: a power of two */
};

struct announcer {
	const struct links *links;
	struct announcer_callbacks callbacks;
	void *userdata;
	sd_event_source *timer;
	struct queue fresh;   /* due at once */
	struct queue repeats; /* due an interval after the one before */
	uint32_t count;
	uint64_t interval_ns;
	uint64_t sent;
	int fd; /* one packet socket for all interfaces */
};

static int queue_push(struct queue *queue, const struct job *job)
{
	if (queue->count == queue->capacity) {
		size_t capacity = queue->capacity ? 2 * queue->capacity : 64;
		struct job *jobs = calloc(capacity, sizeof(*jobs));

		if (!jobs)
			return -ENOMEM;
		for (size_t i = 0; i < queue->count; i++)
			jobs[i] = queue->jobs[(queue->first + i) & (queue->capacity - 1)];
		free(queue->jobs);
		*queue = (struct queue){ jobs, 0, queue->count, capacity };
	}
	queue->jobs[(queue->first + queue->count++) & (queue->capacity - 1)] = *job;
	return 0;
}

static const struct job *queue_peek(const struct queue *queue)
{
	return queue->count ? &queue->jobs[queue->first] : NULL;
}

static struct job queue_pop(struct queue *queue)
{
	struct job job = queue->jobs[queue->first];

	queue->first = (queue->first + 1) & (queue->capacity - 1);
	queue->count--;
	if (!queue->count) {
		/* a burst of 100,000 needn't be paid for ever */
		free(queue->jobs);
		*queue = (struct queue){};
	}
	return job;
}

static void schedule(struct announcer *announcer)
{
	const struct job *repeat = queue_peek(&announcer->repeats);
	uint64_t due_ns = repeat ? repeat->due_ns : 0;

	if (queue_peek(&announcer->fresh))
		due_ns = 1;
	if (!due_ns) {
		sd_event_source_set_enabled(announcer->timer, SD_EVENT_OFF);
		return;
	}
	/* rounded up: older Linux ignores what comes a moment too early */
	sd_event_source_set_time(announcer->timer, due_ns / 1000 + 1);
	sd_event_source_set_enabled(announcer->timer, SD_EVENT_ONESHOT);
}

static void send_job(struct announcer *announcer, struct job *job)
{
	const struct link_row *row = link_table_find(links_table(announcer->links), job->ifindex);
	struct announcement what = { .address = job->address, .override = true };
	struct err err;

	if (!row ||
	    !announcer->callbacks.holds(&job->address, job->ifindex, what.mac, announcer->userdata))
		return;
	if (announce_send(announcer->fd, &row->link, &what, &err) < 0)
		announcer->callbacks.log(LOG_WARNING, err.text, announcer->userdata);
	else
		announcer->sent++;
	job->due_ns = clock_boot_ns() + announcer->interval_ns;
	if (--job->left)
		queue_push(&announcer->repeats, job);
}

static int announcer_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct announcer *announcer = userdata;
	uint64_t now_ns = clock_boot_ns();

	(void)source;
	(void)usec;
	for (int i = 0; i < TURN; i++) {
		const struct job *repeat = queue_peek(&announcer->repeats);
		struct job job;

		if (repeat && repeat->due_ns <= now_ns)
			job = queue_pop(&announcer->repeats);
		else if (queue_peek(&announcer->fresh))
			job = queue_pop(&announcer->fresh);
		else
			break;
		send_job(announcer, &job);
	}
	schedule(announcer);
	return 0;
}

int announcer_new(sd_event *event, const struct links *links,
		  const struct announcer_callbacks *callbacks, void *userdata,
		  struct announcer **ret_announcer, struct err *err)
{
	struct announcer *announcer = calloc(1, sizeof(*announcer));
	int r;

	if (!announcer)
		return err_set(err, -ENOMEM, "out of memory");
	*announcer = (struct announcer){
		.links = links, .callbacks = *callbacks, .userdata = userdata, .fd = -1
	};
	announcer->fd = announce_open(err);
	if (announcer->fd < 0) {
		r = announcer->fd;
		announcer_free(announcer);
		return r;
	}
	r = sd_event_add_time(event, &announcer->timer, CLOCK_BOOTTIME, 0, 1, announcer_turn,
			      announcer);
	if (r >= 0)
		r = sd_event_source_set_enabled(announcer->timer, SD_EVENT_OFF);
	if (r < 0) {
		announcer_free(announcer);
		return err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	*ret_announcer = announcer;
	return 0;
}

void announcer_free(struct announcer *announcer)
{
	if (!announcer)
		return;
	sd_event_source_disable_unref(announcer->timer);
	if (announcer->fd >= 0)
		close(announcer->fd);
	free(announcer->fresh.jobs);
	free(announcer->repeats.jobs);
	free(announcer);
}

void announcer_configure(struct announcer *announcer, uint32_t count, uint64_t interval_ns)
{
	announcer->count = count;
	announcer->interval_ns = interval_ns;
}

int announcer_add(struct announcer *announcer, const struct address *address, uint32_t ifindex,
		  uint32_t count)
{
	struct job job = { *address, ifindex, count ?: announcer->count, 0 };
	int r = job.left ? queue_push(&announcer->fresh, &job) : 0;

	schedule(announcer);
	return r;
}

uint64_t announcer_sent(const struct announcer *announcer)
{
	return announcer->sent;
}
