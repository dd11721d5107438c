// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "directory_pools.h"
#include "directory_scan.h"
#include "loop.h"
#include "source_base.h"

/* Editors and kubectl write a file in several steps: it is read once they have paused. */
#define SETTLE_USEC 20000
/* Files that change for longer are put in force as they are. */
#define HOLD_NS (2 * CLOCK_NS_PER_S)
/* Rescan interval, for a missing directory and for changes that inotify can't see (NFS). */
#define RESCAN_USEC 10000000
/* Log lines per update about Services whose addresses have changed. */
#define LOG_MAX 10

/*
 * A change takes several turns of the event loop if it is about many objects. Until it is in force,
 * as a whole, all stays as it was. If files change while they are read, they are read once more
 * before anything is decided: what moves from one to another would be missing else. What changes
 * later comes afterwards.
 */
enum source_stage {
	SOURCE_NONE,
	SOURCE_READING,	 /* scan */
	SOURCE_DECIDING, /* pools */
};

struct source_directory {
	struct source source; /* the first member */
	char *directory, *assignments, *class_name;
	struct service_class class;
	struct directory_scan *scan;
	struct directory_pools *pools;
	struct err pools_error; /* empty: none */
	size_t log_count;	/* lines about Services in this change */
	bool read_only;
	enum source_stage stage;
	struct manifest **newest; /* SOURCE_DECIDING: what is decided about */
	bool scan_again, scan_all, decide_again;
	/* since then, what was read waits for files that change; 0: nothing does */
	uint64_t held_ns;
	int inotify;
	bool watched;
	sd_event_source *io, *settle, *rescan, *turn;
};

static void watch(struct source_directory *source)
{
	const uint32_t events = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
				IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
				IN_ONLYDIR;

	source->watched = source->inotify >= 0 &&
			  inotify_add_watch(source->inotify, source->directory, events) >= 0;
}

/* After an event, the files are read once they have settled; soon, if others wait for that. */
static void read_events(struct source_directory *source)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t length;

	while ((length = read(source->inotify, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + length;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			if (event->mask & IN_MOVE_SELF)
				inotify_rm_watch(source->inotify, event->wd);
			if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF))
				source->watched = false;
			at += sizeof(*event) + event->len;
		}
		if (!source->held_ns || !loop_timer_is_on(source->settle))
			loop_timer_after(source->settle, SETTLE_USEC);
	}
}

static void pools_changed(const struct verdict *verdict, void *userdata)
{
	struct source_directory *source = userdata;

	if (source->read_only || source->log_count++ < LOG_MAX)
		source_say_verdict(&source->source, verdict);
}

static void begin_scan(struct source_directory *source)
{
	source->stage = SOURCE_READING;
	if (!source->watched)
		watch(source);
	directory_scan_begin(source->scan, source->scan_all);
	source->scan_again = source->scan_all = false;
}

/* Lets the pools decide about what was read. */
static void begin_decision(struct source_directory *source)
{
	bool broken, wait = false;
	size_t count;

	source->stage = SOURCE_DECIDING;
	source->decide_again = false;
	source->held_ns = 0;
	source->newest = directory_scan_newest(source->scan, &count, &broken);
	for (size_t i = 0; i < count && !wait; i++)
		wait = source->source.unreserved && source->newest[i]->pool_count;
	source->log_count = 0;
	directory_pools_begin(source->pools, source->newest, count, &source->source.reserved,
			      broken || wait);
}

/* Puts what was read and decided in force. */
static void use(struct source_directory *source)
{
	struct source_status status;
	struct err err = {};
	int r = directory_pools_use(source->pools, &err);

	source->stage = SOURCE_NONE;
	free(source->newest);
	source->newest = NULL;
	directory_scan_use(source->scan);
	if (r < 0 && strcmp(err.text, source->pools_error.text) != 0)
		source_say(&source->source, LOG_ERR, err.text);
	source_say_conflicts(&source->source, directory_pools_allocator(source->pools));
	source->pools_error = err;
	source_status(&source->source, &status);
	source->source.pools_wait = status.trouble;
	if (!*status.trouble.text && source_waits(&source->source))
		err_write(&source->source.pools_wait, "the nodes' own addresses aren't known yet");
	if (!source->read_only && source->log_count > LOG_MAX) {
		err_write(&err, "pools: %zu more Services changed, not logged",
			  source->log_count - LOG_MAX);
		source_say(&source->source, LOG_INFO, err.text);
	}
}

/* Have files changed during the scan? Then another one follows. */
static bool hold(struct source_directory *source)
{
	uint64_t now = clock_boot_ns();

	if (!source->turn || !directory_scan_known(source->scan))
		return false;
	read_events(source);
	if (!source->scan_again && !loop_timer_is_on(source->settle))
		return false;
	/* files that change all the time */
	if (source->held_ns && now - source->held_ns > HOLD_NS)
		return false;
	source->held_ns = source->held_ns ?: now;
	return true;
}

static void end_scan(struct source_directory *source)
{
	/* a failed write of the assignments is tried again */
	bool changed = directory_scan_changed(source->scan) || *source->pools_error.text ||
		       directory_pools_lost(source->pools);

	source->stage = SOURCE_NONE;
	if (!changed)
		source->held_ns = 0;
	else if (!hold(source))
		begin_decision(source);
}

static bool is_busy(const struct source_directory *source)
{
	return source->stage || source->scan_again || (source->decide_again && !source->held_ns);
}

/* Continues, or begins what has come meanwhile. Returns whether something new is in force. */
static bool take_turn(struct source_directory *source)
{
	uint64_t begun_ns = clock_boot_ns();
	bool used;

	if (!source->stage && source->scan_again)
		begin_scan(source);
	else if (!source->stage && source->decide_again && !source->held_ns)
		begin_decision(source);
	if (source->stage == SOURCE_READING && directory_scan_continue(source->scan, begun_ns))
		end_scan(source);
	used = source->stage == SOURCE_DECIDING &&
	       directory_pools_continue(source->pools, begun_ns);
	if (used)
		use(source);
	if (source->turn && is_busy(source))
		loop_timer_after(source->turn, 0);
	return used;
}

/* Takes the first turn; without an event loop, all turns. Returns whether something new is in
 * force. */
static bool begin(struct source_directory *source)
{
	bool used = false;

	/* the next turn is due already */
	if (source->stage)
		return false;
	do
		used |= take_turn(source);
	while (!source->turn && is_busy(source));
	return used;
}

static void rescan(struct source *base, bool all)
{
	struct source_directory *source = (struct source_directory *)base;

	source->scan_again = true;
	source->scan_all |= all;
	if (begin(source))
		base->callbacks.changed(base->userdata);
}

static int turn_due(sd_event_source *event_source, uint64_t usec, void *userdata)
{
	struct source_directory *source = userdata;

	if (take_turn(source))
		source->source.callbacks.changed(source->source.userdata);
	return 0;
}

static int settle_due(sd_event_source *event_source, uint64_t usec, void *userdata)
{
	rescan(userdata, false);
	return 0;
}

static int rescan_due(sd_event_source *event_source, uint64_t usec, void *userdata)
{
	rescan(userdata, false);
	return loop_timer_after(event_source, RESCAN_USEC);
}

static int on_inotify(sd_event_source *event_source, int fd, uint32_t revents, void *userdata)
{
	read_events(userdata);
	return 0;
}

static int follow(struct source_directory *source, sd_event *event)
{
	int r;

	source->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (source->inotify < 0)
		return negative_errno();
	r = sd_event_add_io(event, &source->io, source->inotify, EPOLLIN, on_inotify, source);
	if (r >= 0)
		r = loop_timer_new(event, LOOP_NEVER, settle_due, source, &source->settle);
	if (r >= 0)
		r = loop_timer_new(event, RESCAN_USEC, rescan_due, source, &source->rescan);
	if (r >= 0)
		r = loop_timer_new(event, LOOP_NEVER, turn_due, source, &source->turn);
	return r < 0 ? r : 0;
}

static void directory_reserve(struct source *base)
{
	struct source_directory *source = (struct source_directory *)base;

	source->decide_again = true;
	begin(source);
}

static void directory_free(struct source *base)
{
	struct source_directory *source = (struct source_directory *)base;

	sd_event_source_disable_unref(source->io);
	sd_event_source_disable_unref(source->settle);
	sd_event_source_disable_unref(source->rescan);
	sd_event_source_disable_unref(source->turn);
	if (source->inotify >= 0)
		close(source->inotify);
	free(source->newest);
	directory_pools_free(source->pools);
	directory_scan_free(source->scan);
	free(source->class_name);
	free(source->assignments);
	free(source->directory);
	free(source);
}

static bool directory_same(const struct source *base, const struct source_options *options)
{
	const struct source_directory *source = (const struct source_directory *)base;

	return options->directory && !strcmp(source->directory, options->directory) &&
	       !strcmp(source->assignments, options->assignments) &&
	       !strcmp(source->class_name, options->class.name) &&
	       source->class.required == options->class.required;
}

static bool directory_known(const struct source *base)
{
	return directory_scan_known(((const struct source_directory *)base)->scan);
}

static void directory_status(const struct source *base, struct source_status *status)
{
	const struct source_directory *source = (const struct source_directory *)base;
	int error = directory_scan_error(source->scan);

	status->reachable = !error;
	status->trouble = source->pools_error;
	if (!*status->trouble.text && !directory_known(base))
		err_write(&status->trouble, "%s: %s", source->directory,
			  error ? strerror(error) : "it isn't read yet");
	status->allocator = directory_pools_allocator(source->pools);
}

static const struct source_ops ops = {
	.free = directory_free,
	.rescan = rescan,
	.same = directory_same,
	.known = directory_known,
	.status = directory_status,
	.reserve = directory_reserve,
};

int source_directory_new(sd_event *event, const struct source_options *options,
			 const struct source_callbacks *callbacks, void *userdata,
			 struct source **ret_source, struct err *err)
{
	struct source_directory *source = xcalloc(1, sizeof(*source));
	int r = 0;

	source->source = (struct source){ .ops = &ops,
					  .callbacks = *callbacks,
					  .userdata = userdata,
					  .unreserved = options->reserve };
	source->inotify = -1;
	source->read_only = options->read_only;
	source->directory = xstrdup(options->directory);
	source->assignments = xstrdup(options->assignments);
	source->class_name = xstrdup(options->class.name);
	source->class = (struct service_class){ source->class_name, options->class.required };
	source->scan = directory_scan_new(&source->source, options);
	source->pools = directory_pools_new(source->assignments, source->read_only, &source->class,
					    pools_changed, source);
	if (event)
		r = follow(source, event);
	if (r < 0) {
		source_free(&source->source);
		return err_set(err, r, "%s: can't watch it: %s", options->directory, strerror(-r));
	}
	source->scan_again = source->scan_all = source->decide_again = true;
	begin(source);
	*ret_source = &source->source;
	return 0;
}
