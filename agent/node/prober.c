// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <net/if.h> /* before <linux/if.h>, which then leaves its part out */
#include <linux/if.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "loop.h"
#include "probe.h"
#include "prober.h"
#include "rate.h"

#define FRAMES_A_TURN 256
/* Probes of a turn, and the time to the next one: their replies are read between turns. */
#define PROBES_A_TURN 64
#define TURN_NS	      10000000ULL
/* A late turn may catch up on the probes of this part of a second. */
#define BURSTS_A_SECOND 20

struct question {
	struct address address;
	uint32_t ifindex;
	unsigned int sent; /* probes */
	bool taken;
};

/* The socket of an interface that is probed on. */
struct probe_socket {
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
	struct probe_socket *sockets[PROBER_ROUND];
	size_t socket_count;
	unsigned int passes; /* over all questions, in this round */
	size_t next;	     /* the question whose next probe is due */
	uint64_t pass_ns;    /* when sending the current probes began */
	struct rate rate;
	uint64_t spent_ns; /* of rate */
	uint64_t sent;
};

static void probe_socket_free(struct probe_socket *socket)
{
	sd_event_source_disable_unref(socket->io);
	if (socket->fd >= 0)
		close(socket->fd);
	free(socket);
}

static void on_reply(struct prober *prober, uint32_t ifindex, const struct address *address,
		     const uint8_t mac[ETH_ALEN])
{
	if (links_has_mac(links_table(prober->links), mac))
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

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct probe_socket *socket = userdata;
	struct address address;
	uint8_t mac[ETH_ALEN];

	/* bounded, since others may send any number of frames; the loop calls again for the rest */
	for (int i = 0; i < FRAMES_A_TURN && probe_receive(fd, &address, mac); i++)
		on_reply(socket->prober, socket->ifindex, &address, mac);
	return 0;
}

/* The socket on @link, opened if there is none; NULL with @err. */
static struct probe_socket *probe_socket_get(struct prober *prober, const struct link *link,
					     struct err *err)
{
	struct probe_socket *socket;
	int r;

	for (size_t i = 0; i < prober->socket_count; i++)
		if (prober->sockets[i]->ifindex == link->ifindex)
			return prober->sockets[i];
	socket = xcalloc(1, sizeof(*socket));
	*socket = (struct probe_socket){ .ifindex = link->ifindex, .prober = prober };
	socket->fd = probe_open(link, err);
	if (socket->fd < 0) {
		probe_socket_free(socket);
		return NULL;
	}
	r = sd_event_add_io(prober->event, &socket->io, socket->fd, EPOLLIN, on_readable, socket);
	if (r < 0) {
		err_set(err, r, "listening on %s: %s", link->name, strerror(-r));
		probe_socket_free(socket);
		return NULL;
	}
	prober->sockets[prober->socket_count++] = socket;
	return socket;
}

/* False: no probe left this host. */
static bool send_probe(struct prober *prober, struct question *question)
{
	const struct links_row *row = links_find(links_table(prober->links), question->ifindex);
	struct probe_socket *socket;
	struct err err;
	int r;

	/* Without carrier send() succeeds all the same. During the flap of our own attach,
	 * row->carrier stays true. */
	if (question->taken || !row || !(row->link.flags & IFF_LOWER_UP))
		return false;
	socket = probe_socket_get(prober, &row->link, &err);
	r = socket ? probe_send(socket->fd, &row->link, &question->address, &err) : -1;
	if (r < 0)
		prober->callbacks.log(LOG_WARNING, err.text, prober->userdata);
	if (r <= 0)
		return false;
	question->sent++;
	prober->sent++;
	return true;
}

static void tell_unasked(struct prober *prober)
{
	for (size_t i = 0; i < prober->question_count; i++) {
		const struct question *question = &prober->questions[i];

		if (!question->taken && question->sent < PROBER_COUNT)
			prober->callbacks.unasked(&question->address, prober->userdata);
	}
}

static void end_round(struct prober *prober)
{
	for (size_t i = 0; i < prober->socket_count; i++)
		probe_socket_free(prober->sockets[i]);
	prober->socket_count = prober->question_count = prober->next = 0;
	prober->passes = 0;
}

/* Sends the probes that the rate permits now. */
static void send_probes(struct prober *prober)
{
	uint64_t now_ns = clock_boot_ns();

	if (!prober->next)
		prober->pass_ns = now_ns;
	for (size_t i = 0; i < PROBES_A_TURN && prober->next < prober->question_count &&
			   rate_due(&prober->rate, prober->spent_ns) <= now_ns;
	     i++)
		if (send_probe(prober, &prober->questions[prober->next++]))
			rate_spend(&prober->rate, &prober->spent_ns, now_ns);
}

static int turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct prober *prober = userdata;

	/* replies that arrived while the loop was busy count, too */
	for (size_t i = 0; i < prober->socket_count; i++)
		on_readable(NULL, prober->sockets[i]->fd, 0, prober->sockets[i]);
	if (prober->passes == PROBER_COUNT) {
		tell_unasked(prober);
		end_round(prober);
		prober->callbacks.done(prober->userdata);
		return 0;
	}
	send_probes(prober);
	if (prober->next < prober->question_count)
		return loop_timer_after(source, TURN_NS / 1000);
	prober->next = 0;
	if (++prober->passes == PROBER_COUNT)
		return loop_timer_after(source, PROBER_WAIT_NS / 1000);
	return loop_timer_at(source, prober->pass_ns + PROBER_INTERVAL_NS);
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
	r = loop_timer_new(event, LOOP_NEVER, turn, prober, &prober->timer);
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
	return loop_timer_is_on(prober->timer);
}

void prober_add(struct prober *prober, const struct address *address, uint32_t ifindex)
{
	const struct links_row *row = links_find(links_table(prober->links), ifindex);

	if (!row || !row->carrier)
		return;
	prober->questions[prober->question_count++] =
		(struct question){ .address = *address, .ifindex = ifindex };
}

void prober_begin(struct prober *prober)
{
	if (!prober->question_count)
		return;
	loop_timer_after(prober->timer, 0);
}

void prober_configure(struct prober *prober, uint32_t rate)
{
	prober->rate = (struct rate){ .interval_ns = CLOCK_NS_PER_S / rate,
				      .burst = rate / BURSTS_A_SECOND + 1 };
}

uint64_t prober_sent(const struct prober *prober)
{
	return prober->sent;
}
