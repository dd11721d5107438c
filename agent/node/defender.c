// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "clock.h"
#include "defender.h"

/* When an address on an interface was last defended. */
struct defence {
	struct address address;
	uint32_t ifindex;
	uint64_t at_ns;
};

struct defender {
	sd_event *event;
	int fd; /* the ring's map; -1: none yet */
	uint32_t id;
	struct ring_buffer *ring;
	sd_event_source *io;
	bool old; /* what is read was reported before */
	defender_fn *seen;
	void *userdata;
	uint64_t count;
	struct defence *list;
	size_t list_count;
};

uint64_t defender_count(const struct defender *defender)
{
	return defender->count;
}

/* Forgets what was so long ago that it no longer counts. */
static void prune(struct defender *defender, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < defender->list_count; i++)
		if (now_ns - defender->list[i].at_ns < DEFENDER_INTERVAL_NS)
			defender->list[kept++] = defender->list[i];
	defender->list_count = kept;
}

static bool defended(const struct defender *defender, const struct address *address,
		     uint32_t ifindex)
{
	for (size_t i = 0; i < defender->list_count; i++)
		if (defender->list[i].ifindex == ifindex &&
		    !address_compare(&defender->list[i].address, address))
			return true;
	return false;
}

static int remember(struct defender *defender, const struct address *address, uint32_t ifindex,
		    uint64_t now_ns)
{
	struct defence *list =
		reallocarray(defender->list, defender->list_count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	defender->list = list;
	list[defender->list_count++] = (struct defence){ *address, ifindex, now_ns };
	return 0;
}

static int take(void *context, void *data, size_t size)
{
	struct defender *defender = context;
	const struct conflict_event *event = data;
	uint64_t now_ns = clock_boot_ns();
	struct address address;

	if (defender->old || size < sizeof(*event))
		return 0;
	defender->count++;
	prune(defender, now_ns);
	memcpy(address.bytes, event->key.address, sizeof(address.bytes));
	if (!defended(defender, &address, event->key.ifindex) &&
	    defender->seen(&address, event->key.ifindex, event->key.mac, defender->userdata))
		remember(defender, &address, event->key.ifindex, now_ns);
	return 0;
}

static int ring_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct defender *defender = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	ring_buffer__consume(defender->ring);
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
		defender->ring = ring_buffer__new(defender->fd, take, defender, NULL);
	if (!defender->ring)
		r = negative_errno();
	if (!r) {
		defender->old = true;
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

int defender_new(sd_event *event, defender_fn *seen, void *userdata, struct defender **ret_defender,
		 struct err *err)
{
	struct defender *defender = calloc(1, sizeof(*defender));

	if (!defender)
		return err_set(err, -ENOMEM, "out of memory");
	defender->event = sd_event_ref(event);
	defender->fd = -1;
	defender->seen = seen;
	defender->userdata = userdata;
	*ret_defender = defender;
	return 0;
}

void defender_free(struct defender *defender)
{
	if (!defender)
		return;
	unfollow(defender);
	sd_event_unref(defender->event);
	free(defender->list);
	free(defender);
}
