// SPDX-License-Identifier: GPL-2.0-or-later
/* Sends ARP and ND requests for the addresses, to find other hosts that answer. */
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
/* Requests that are sent, in one burst, over all interfaces together. */
#define MAX_PROBES 256
/* Frames that are read from one interface before the clock is looked at. */
#define FRAMES_A_TURN 256

/* The requests sent on one device. */
struct device_probe {
	const struct doctor_device *device;
	int fd; /* packet socket; -1: not open */
	const struct entry_row *rows[MAX_PROBES];
	bool found[MAX_PROBES]; /* reported already: one finding per address */
	size_t count;
};

static void cleanup_probes(struct device_probe **at)
{
	/* the last one has no rows */
	for (struct device_probe *probe = *at; probe && probe->count; probe++)
		cleanup_close(&probe->fd);
	free(*at);
}

/* Records that @device received a frame from @other, an interface of this host. */
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

/* Reports a reply from a foreign MAC. A reply from another interface of this host is recorded as a
 * pair. */
static int check_reply(struct doctor *doctor, struct device_probe *probe,
		       const struct address *address, const uint8_t mac[ETH_ALEN],
		       const struct ifaddrs *own, struct err *err)
{
	const struct doctor_device *device = probe->device;
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
	for (size_t i = 0; i < probe->count; i++) {
		const struct entry_row *row = probe->rows[i];

		bool same_mac = !memcmp(mac, row->head.mac, ETH_ALEN);

		if (probe->found[i] || address_compare(&row->key.address, address) ||
		    (same_mac && !entry_mac_virtual(row)))
			continue;
		probe->found[i] = true;
		mac_format(mac, text);
		address_format(address, ip);
		/* a virtual MAC is the same on every host, so this reply came from another host */
		if (same_mac)
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

static int receive_all(struct doctor *doctor, struct device_probe *probes, size_t count,
		       const struct ifaddrs *own, struct err *err)
{
	_cleanup_free_ struct pollfd *polls = xcalloc(count, sizeof(*polls));
	struct timespec start, now;
	int left = WAIT_MS, r = 0;

	for (size_t i = 0; i < count; i++)
		polls[i] = (struct pollfd){ .fd = probes[i].fd, .events = POLLIN };
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!r && left > 0) {
		if (poll(polls, count, left) < 0 && errno != EINTR)
			return err_set(err, negative_errno(), "waiting for answers: %s",
				       strerror(errno));
		for (size_t i = 0; i < count && !r; i++) {
			struct address address;
			uint8_t mac[ETH_ALEN];

			/* bounded, since others may send any number of frames */
			for (int j = 0;
			     !r && j < FRAMES_A_TURN && probe_receive(polls[i].fd, &address, mac);
			     j++)
				r = check_reply(doctor, &probes[i], &address, mac, own, err);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = WAIT_MS - (int)((now.tv_sec - start.tv_sec) * 1000 +
				       (now.tv_nsec - start.tv_nsec) / 1000000);
	}
	return r;
}

/* Chooses up to @room of the device's addresses to probe: only those with a valid lease, since
 * another host may hold an expired one. */
static int choose_rows(struct doctor *doctor, struct device_probe *probe, size_t room,
		       struct err *err)
{
	const struct doctor_device *device = probe->device;

	if (device->gone || !(device->link.flags & IFF_RUNNING))
		return 0;
	for (size_t i = 0; i < device->row_count; i++) {
		const struct entry_row *row = &device->rows[i];
		uint64_t remaining_ms;
		int r = doctor_lease_remaining(doctor, row->head.lease, &remaining_ms, err);

		if (r < 0)
			return r;
		if (!remaining_ms)
			continue;
		doctor->report.addresses++;
		if (probe->count < room)
			probe->rows[probe->count++] = row;
	}
	doctor->report.asked += probe->count;
	return 0;
}

static int send_all(struct device_probe *probe, struct err *err)
{
	const struct link *link = &probe->device->link;
	int r = 0;

	probe->fd = probe_open(link, err);
	if (probe->fd < 0)
		return probe->fd;
	for (size_t i = 0; i < probe->count && r >= 0; i++)
		r = probe_send(probe->fd, link, &probe->rows[i]->key.address, err);
	return r < 0 ? r : 0;
}

int doctor_check_other_answers(struct doctor *doctor, struct err *err)
{
	_cleanup_(cleanup_probes) struct device_probe *probes =
		xcalloc(doctor->device_count + 1, sizeof(*probes));
	struct ifaddrs *own;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < doctor->device_count && !r; i++) {
		probes[count] = (struct device_probe){ .device = &doctor->devices[i], .fd = -1 };
		r = choose_rows(doctor, &probes[count], MAX_PROBES - doctor->report.asked, err);
		if (probes[count].count)
			count++;
	}
	for (size_t i = 0; i < count && !r; i++)
		r = send_all(&probes[i], err);
	if (r < 0 || !count)
		return r;
	if (getifaddrs(&own) < 0)
		return err_set(err, negative_errno(), "listing the interfaces: %s",
			       strerror(errno));
	r = receive_all(doctor, probes, count, own, err);
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

/* Counts the addresses that are on both interfaces of @pair. */
static size_t count_common(const struct doctor *doctor, const struct doctor_pair *pair)
{
	const struct doctor_device *one = find_device(doctor, pair->dev[0]);
	const struct doctor_device *other = find_device(doctor, pair->dev[1]);
	size_t count = 0;

	for (size_t i = 0; one && other && i < one->row_count; i++)
		count += doctor_row(other, &one->rows[i].key.address) != NULL;
	return count;
}

/* Reports the pairs that other_answers recorded; it must run first. */
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
