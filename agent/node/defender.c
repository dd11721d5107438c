// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "alloc.h"
#include "clock.h"
#include "defender.h"
#include "hash.h"
#include "loop.h"

/* More reports than the ring has room for. */
#define DEFENDER_TURN_OLD 4096

struct defence_key {
	struct address address;
	uint32_t ifindex;
};

/* The last defence of an address on an interface. There are at most as many as entries. */
struct defence {
	struct defence_key key;
	uint64_t at_ns;
	UT_hash_handle hh;
};

struct defender {
	sd_event *event;
	const struct links *links;
	int fd; /* the ring's map; -1: none yet */
	uint32_t id;
	struct ring_buffer *ring;
	sd_event_source *io, *resume;
	unsigned int left; /* reports left in this turn */
	bool old;	   /* skip reports from before defender_follow() */
	defender_fn *seen;
	void *userdata;
	uint64_t count;
	struct defence *defences; /* oldest first */
};

uint64_t defender_count(const struct defender *defender)
{
	return defender->count;
}

/* Removes defences that are older than the interval. */
static void prune(struct defender *defender, uint64_t now_ns)
{
	struct defence *oldest;

	while ((oldest = defender->defences) && now_ns - oldest->at_ns >= DEFENDER_INTERVAL_NS) {
		HASH_DEL(defender->defences, oldest);
		free(oldest);
	}
}

static void report(struct defender *defender, const struct conflict_event *event)
{
	struct defence_key key = { .ifindex = event->key.ifindex };
	uint64_t now_ns = clock_boot_ns();
	struct defence *defence;

	prune(defender, now_ns);
	memcpy(key.address.bytes, event->key.address, sizeof(key.address.bytes));
	HASH_FIND(hh, defender->defences, &key, sizeof(key), defence);
	if (defence ||
	    !defender->seen(&key.address, key.ifindex, event->key.mac, defender->userdata))
		return;
	defence = xcalloc(1, sizeof(*defence));
	defence->key = key;
	defence->at_ns = now_ns;
	HASH_ADD(hh, defender->defences, key, sizeof(key), defence);
}

/* The data path compares only with the address's own MAC. A MAC of another interface of this host
 * on the same LAN is no conflict either. */
static bool is_own(const struct defender *defender, const struct conflict_event *event)
{
	return links_has_mac(links_table(defender->links), event->key.mac);
}

/* Returns a negative value to end the turn after this report. */
static int read_report(void *context, void *data, size_t size)
{
	struct defender *defender = context;

	if (!defender->old && size >= sizeof(struct conflict_event) && !is_own(defender, data)) {
		defender->count++;
		report(defender, data);
	}
	return --defender->left ? 0 : -EBUSY;
}

/* Reads a turn's reports. If there are more, stops reading for DEFENDER_TURN_USEC. */
static void turn(struct defender *defender)
{
	bool more;

	defender->left = DEFENDER_TURN;
	more = ring_buffer__consume(defender->ring) == -EBUSY;
	sd_event_source_set_enabled(defender->io, more ? SD_EVENT_OFF : SD_EVENT_ON);
	if (!more)
		return;
	loop_timer_after(defender->resume, DEFENDER_TURN_USEC);
}

static int ring_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	turn(userdata);
	return 0;
}

static int ring_resume(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct defender *defender = userdata;

	if (defender->ring)
		turn(defender);
	return 0;
}

static void unfollow(struct defender *defender)
{
	defender->io = sd_event_source_disable_unref(defender->io);
	ring_buffer__free(defender->ring);
	defender->ring = NULL;
	if (defender->fd >= 0)
		close(defender->fd);
	defender->fd = -1;
}

int defender_follow(struct defender *defender, const struct program *program, struct err *err)
{
	uint32_t id;
	int fd = program_events(program, &id), r = 0;

	if (defender->ring && id == defender->id)
		return 0;
	unfollow(defender);
	defender->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (defender->fd >= 0)
		defender->ring = ring_buffer__new(defender->fd, read_report, defender, NULL);
	if (!defender->ring)
		r = negative_errno();
	if (!r) {
		defender->old = true;
		defender->left = DEFENDER_TURN_OLD;
		ring_buffer__consume(defender->ring);
		defender->old = false;
		r = sd_event_add_io(defender->event, &defender->io,
				    ring_buffer__epoll_fd(defender->ring), EPOLLIN, ring_io,
				    defender);
	}
	if (r < 0) {
		unfollow(defender);
		return err_set(err, r, "following the data path's events: %s", strerror(-r));
	}
	defender->id = id;
	return 0;
}

int defender_new(sd_event *event, const struct links *links, defender_fn *seen, void *userdata,
		 struct defender **ret_defender, struct err *err)
{
	struct defender *defender = xcalloc(1, sizeof(*defender));
	int r;

	defender->event = sd_event_ref(event);
	defender->fd = -1;
	defender->links = links;
	defender->seen = seen;
	defender->userdata = userdata;
	r = loop_timer_new(event, LOOP_NEVER, ring_resume, defender, &defender->resume);
	if (r < 0) {
		defender_free(defender);
		return err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	*ret_defender = defender;
	return 0;
}

void defender_free(struct defender *defender)
{
	if (!defender)
		return;
	unfollow(defender);
	sd_event_source_disable_unref(defender->resume);
	prune(defender, UINT64_MAX);
	sd_event_unref(defender->event);
	free(defender);
}
