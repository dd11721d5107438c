// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "alloc.h"
#include "cleanup.h"
#include "probe.h"
#include "prober.h"

#define FRAMES_A_TURN 256

struct question {
	struct address address;
	uint32_t ifindex;
	bool taken;
};

/* An interface that is asked on. */
struct ear {
	uint32_t ifindex;
	int fd;
	sd_event_source *io;
	struct prober *prober;
};

struct prober {
	sd_event *event;
	const struct links *links;
	struct prober_callbacks callbacks;
	void *userdata;
	sd_event_source *timer;
	struct question questions[PROBER_ROUND];
	size_t question_count;
	struct ear *ears[PROBER_ROUND];
	size_t ear_count;
	unsigned int asked; /* times, in this round; 0: none is on its way */
	uint64_t sent;
};

static void ear_free(struct ear *ear)
{
	sd_event_source_disable_unref(ear->io);
	if (ear->fd >= 0)
		close(ear->fd);
	free(ear);
}

static void heard(struct prober *prober, uint32_t ifindex, const struct address *address,
		  const uint8_t mac[ETH_ALEN])
{
	if (link_table_has_mac(links_table(prober->links), mac))
		return;
	for (size_t i = 0; i < prober->question_count; i++) {
		struct question *question = &prober->questions[i];

		if (question->taken || question->ifindex != ifindex ||
		    address_compare(&question->address, address))
			continue;
		question->taken = true;
		prober->callbacks.taken(address, mac, prober->userdata);
	}
}

static int ear_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct ear *ear = userdata;
	struct address address;
	uint8_t mac[ETH_ALEN];

	/* what is left makes the loop come back: others may say any number of things */
	for (int i = 0; i < FRAMES_A_TURN && probe_receive(fd, &address, mac); i++)
		heard(ear->prober, ear->ifindex, &address, mac);
	return 0;
}

/* The ear on @link, made where there is none; NULL with @err. */
static struct ear *ear_get(struct prober *prober, const struct link *link, struct err *err)
{
	struct ear *ear;
	int r;

	for (size_t i = 0; i < prober->ear_count; i++)
		if (prober->ears[i]->ifindex == link->ifindex)
			return prober->ears[i];
	ear = xcalloc(1, sizeof(*ear));
	*ear = (struct ear){ .ifindex = link->ifindex, .prober = prober };
	ear->fd = probe_open(link, err);
	if (ear->fd < 0) {
		ear_free(ear);
		return NULL;
	}
	r = sd_event_add_io(prober->event, &ear->io, ear->fd, EPOLLIN, ear_io, ear);
	if (r < 0) {
		err_set(err, r, "listening on %s: %s", link->name, strerror(-r));
		ear_free(ear);
		return NULL;
	}
	prober->ears[prober->ear_count++] = ear;
	return ear;
}

static void ask(struct prober *prober, const struct question *question)
{
	const struct link_row *row = link_table_find(links_table(prober->links), question->ifindex);
	struct ear *ear;
	struct err err;

	/* gone, or without a cable: then there is nobody to ask */
	if (question->taken || !row || !row->carrier)
		return;
	ear = ear_get(prober, &row->link, &err);
	if (!ear || probe_send(ear->fd, &row->link, &question->address, &err) < 0)
		prober->callbacks.log(LOG_WARNING, err.text, prober->userdata);
	else
		prober->sent++;
}

static void end_round(struct prober *prober)
{
	for (size_t i = 0; i < prober->ear_count; i++)
		ear_free(prober->ears[i]);
	prober->ear_count = prober->question_count = 0;
	prober->asked = 0;
}

static int turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct prober *prober = userdata;
	uint64_t next_ns = PROBER_INTERVAL_NS;

	if (prober->asked == PROBER_COUNT) {
		/* what came while the loop was busy elsewhere counts too */
		for (size_t i = 0; i < prober->ear_count; i++)
			ear_io(NULL, prober->ears[i]->fd, 0, prober->ears[i]);
		end_round(prober);
		prober->callbacks.done(prober->userdata);
		return 0;
	}
	for (size_t i = 0; i < prober->question_count; i++)
		ask(prober, &prober->questions[i]);
	if (++prober->asked == PROBER_COUNT)
		next_ns = PROBER_WAIT_NS;
	sd_event_source_set_time_relative(source, next_ns / 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int prober_new(sd_event *event, const struct links *links, const struct prober_callbacks *callbacks,
	       void *userdata, struct prober **ret_prober, struct err *err)
{
	struct prober *prober = xcalloc(1, sizeof(*prober));
	int r;

	prober->event = event;
	prober->links = links;
	prober->callbacks = *callbacks;
	prober->userdata = userdata;
	r = sd_event_add_time(event, &prober->timer, CLOCK_BOOTTIME, 0, 1000, turn, prober);
	if (r >= 0)
		r = sd_event_source_set_enabled(prober->timer, SD_EVENT_OFF);
	if (r < 0) {
		prober_free(prober);
		return err_set(err, r, "starting a timer: %s", strerror(-r));
	}
	*ret_prober = prober;
	return 0;
}

void prober_free(struct prober *prober)
{
	if (!prober)
		return;
	end_round(prober);
	sd_event_source_disable_unref(prober->timer);
	free(prober);
}

bool prober_busy(const struct prober *prober)
{
	return sd_event_source_get_enabled(prober->timer, NULL) > 0;
}

void prober_add(struct prober *prober, const struct address *address, uint32_t ifindex)
{
	prober->questions[prober->question_count++] =
		(struct question){ .address = *address, .ifindex = ifindex };
}

void prober_begin(struct prober *prober)
{
	if (!prober->question_count)
		return;
	sd_event_source_set_time_relative(prober->timer, 0);
	sd_event_source_set_enabled(prober->timer, SD_EVENT_ONESHOT);
}

uint64_t prober_sent(const struct prober *prober)
{
	return prober->sent;
}
