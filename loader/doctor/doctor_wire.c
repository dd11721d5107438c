// SPDX-License-Identifier: GPL-2.0-or-later
/* Asks the LAN who else answers for the addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "alloc.h"
#include "cleanup.h"
#include "doctor_check.h"
#include "probe.h"

#define WAIT_MS 1000
/* Frames that go out in one burst, over all interfaces. */
#define ASK_AT_MOST 256

/* One device's part. */
struct asking {
	const struct doctor_device *device;
	int fd; /* packet socket; -1: not asked */
	const struct entry_row *rows[ASK_AT_MOST];
	bool found[ASK_AT_MOST]; /* one finding an address is enough */
	size_t count;
};

static void cleanup_askings(struct asking **at)
{
	/* ended by one that has no rows */
	for (struct asking *asking = *at; asking && asking->count; asking++)
		cleanup_close(&asking->fd);
	free(*at);
}

static int take_claim(struct doctor *doctor, struct asking *asking, const struct address *address,
		      const uint8_t mac[ETH_ALEN], struct err *err)
{
	const struct doctor_device *device = asking->device;
	char ip[INET6_ADDRSTRLEN], text[MAC_TEXT_SIZE];
	int r;

	if (!memcmp(mac, device->link.mac, ETH_ALEN))
		return 0;
	for (size_t i = 0; i < asking->count; i++) {
		const struct entry_row *row = asking->rows[i];

		if (asking->found[i] || address_compare(&row->key.address, address) ||
		    !memcmp(mac, row->head.mac, ETH_ALEN))
			continue;
		asking->found[i] = true;
		r = doctor_find(doctor, device, address, "%s answers for %s on %s too",
				mac_format(mac, text), address_format(address, ip),
				device->link.name);
		if (!r)
			r = doctor_remedy_announced(doctor, row, err);
		return r;
	}
	return 0;
}

static int listen_all(struct doctor *doctor, struct asking *askings, size_t count, struct err *err)
{
	_cleanup_free_ struct pollfd *polls = xcalloc(count, sizeof(*polls));
	struct timespec start, now;
	int left = WAIT_MS, r = 0;

	for (size_t i = 0; i < count; i++)
		polls[i] = (struct pollfd){ .fd = askings[i].fd, .events = POLLIN };
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!r && left > 0) {
		if (poll(polls, count, left) < 0 && errno != EINTR)
			return err_set(err, negative_errno(), "waiting for answers: %s",
				       strerror(errno));
		for (size_t i = 0; i < count && !r; i++) {
			struct address address;
			uint8_t mac[ETH_ALEN];

			while (!r && probe_receive(polls[i].fd, &address, mac))
				r = take_claim(doctor, &askings[i], &address, mac, err);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = WAIT_MS - (int)((now.tv_sec - start.tv_sec) * 1000 +
				       (now.tv_nsec - start.tv_nsec) / 1000000);
	}
	return r;
}

/* Which of the device's addresses to ask for: those that may answer now, as many as @room. Where
 * the lease is over another host should answer. */
static int choose(struct doctor *doctor, struct asking *asking, size_t room, struct err *err)
{
	const struct doctor_device *device = asking->device;

	if (device->gone || !(device->link.flags & IFF_RUNNING))
		return 0;
	for (size_t i = 0; i < device->row_count; i++) {
		const struct entry_row *row = &device->rows[i];
		uint64_t remaining_ms;
		int r = entry_lease_remaining(doctor->pins, row->head.lease, &remaining_ms, err);

		if (r < 0)
			return r;
		if (!remaining_ms)
			continue;
		doctor->report.addresses++;
		if (asking->count < room)
			asking->rows[asking->count++] = row;
	}
	doctor->report.asked += asking->count;
	return 0;
}

static int send_all(struct asking *asking, struct err *err)
{
	const struct link *link = &asking->device->link;
	int r = 0;

	asking->fd = probe_open(link, err);
	if (asking->fd < 0)
		return asking->fd;
	for (size_t i = 0; i < asking->count && !r; i++)
		r = probe_send(asking->fd, link, &asking->rows[i]->key.address, err);
	return r;
}

int doctor_check_other_answers(struct doctor *doctor, struct err *err)
{
	_cleanup_(cleanup_askings) struct asking *askings =
		xcalloc(doctor->device_count + 1, sizeof(*askings));
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < doctor->device_count && !r; i++) {
		askings[count] = (struct asking){ .device = &doctor->devices[i], .fd = -1 };
		r = choose(doctor, &askings[count], ASK_AT_MOST - doctor->report.asked, err);
		if (askings[count].count)
			count++;
	}
	for (size_t i = 0; i < count && !r; i++)
		r = send_all(&askings[i], err);
	if (r < 0 || !count)
		return r;
	return listen_all(doctor, askings, count, err);
}
