// SPDX-License-Identifier: GPL-2.0-or-later
/* Asks the LAN who else answers for the addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <poll.h>
#include <stdio.h>
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

/* A frame of this host's own, from @other, came in on @device. */
static void note_pair(struct doctor *doctor, const struct doctor_device *device, const char *other)
{
	bool swapped = strcmp(device->link.name, other) > 0;
	struct doctor_pair pair = {};

	snprintf(pair.dev[swapped], IFNAMSIZ, "%s", device->link.name);
	snprintf(pair.dev[!swapped], IFNAMSIZ, "%s", other);
	for (size_t i = 0; i < doctor->pair_count; i++)
		if (!memcmp(&doctor->pairs[i], &pair, sizeof(pair)))
			return;
	doctor->pairs =
		xreallocarray(doctor->pairs, doctor->pair_count + 1, sizeof(*doctor->pairs));
	doctor->pairs[doctor->pair_count++] = pair;
}

static int take_claim(struct doctor *doctor, struct asking *asking, const struct address *address,
		      const uint8_t mac[ETH_ALEN], const struct ifaddrs *own, struct err *err)
{
	const struct doctor_device *device = asking->device;
	char ip[INET6_ADDRSTRLEN], text[MAC_TEXT_SIZE];
	const char *other;
	int r;

	if (!memcmp(mac, device->link.mac, ETH_ALEN))
		return 0;
	other = link_with_mac(own, mac);
	if (other) {
		note_pair(doctor, device, other);
		return 0;
	}
	for (size_t i = 0; i < asking->count; i++) {
		const struct entry_row *row = asking->rows[i];

		bool same = !memcmp(mac, row->head.mac, ETH_ALEN);

		if (asking->found[i] || address_compare(&row->key.address, address) ||
		    (same && !entry_mac_virtual(row)))
			continue;
		asking->found[i] = true;
		mac_format(mac, text);
		address_format(address, ip);
		/* a virtual MAC is the same wherever it is: what was sent from here, another
		 * answered */
		if (same)
			r = doctor_find(doctor, device, address,
					"another host answers for %s on %s with the same virtual "
					"MAC, %s",
					ip, device->link.name, text);
		else
			r = doctor_find(doctor, device, address, "%s answers for %s on %s too",
					text, ip, device->link.name);
		if (!r)
			r = doctor_remedy_announced(doctor, row, err);
		return r;
	}
	return 0;
}

static int listen_all(struct doctor *doctor, struct asking *askings, size_t count,
		      const struct ifaddrs *own, struct err *err)
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
				r = take_claim(doctor, &askings[i], &address, mac, own, err);
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
	struct ifaddrs *own;
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
	if (getifaddrs(&own) < 0)
		return err_set(err, negative_errno(), "listing the interfaces: %s",
			       strerror(errno));
	r = listen_all(doctor, askings, count, own, err);
	freeifaddrs(own);
	return r;
}

static const struct doctor_device *find_device(const struct doctor *doctor, const char *name)
{
	for (size_t i = 0; i < doctor->device_count; i++)
		if (!strcmp(doctor->devices[i].link.name, name))
			return &doctor->devices[i];
	return NULL;
}

/* How many addresses are on both of @pair. */
static size_t count_common(const struct doctor *doctor, const struct doctor_pair *pair)
{
	const struct doctor_device *one = find_device(doctor, pair->dev[0]);
	const struct doctor_device *other = find_device(doctor, pair->dev[1]);
	size_t count = 0;

	for (size_t i = 0; one && other && i < one->row_count; i++)
		count += doctor_row(other, &one->rows[i].key.address) != NULL;
	return count;
}

/* By what other_answers heard. */
int doctor_check_one_lan(struct doctor *doctor, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < doctor->pair_count && !r; i++) {
		const struct doctor_pair *pair = &doctor->pairs[i];
		size_t common = count_common(doctor, pair);
		char both[64] = "";

		if (common)
			snprintf(both, sizeof(both), ", and both answer for %zu address%s", common,
				 doctor_plural(common));
		r = doctor_find(doctor, find_device(doctor, pair->dev[0]), NULL,
				"%s and %s are on one LAN%s", pair->dev[0], pair->dev[1], both);
	}
	return r;
}
