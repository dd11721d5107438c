// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A node of the lease protocol without a data path: what the daemon is to agent/lease/lease.h, with
 * a table in a shared file in the map's place, which outlives it. Says on stdout what happens, a
 * line an event: "GAINED address slot", "STAMP slot deadline_ns"... Takes commands on stdin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include "lease.h"
#include "record.h"

#define ADDRESSES 131072 /* 198.18.0.0/15 */
#define ENDPOINTS 8
#define NS_PER_MS UINT64_C(1000000)

/* The data path: entries by the address's number in 198.18.0.0/15, stamps by slot. */
struct table {
	uint64_t stamps[256];
	uint8_t entries[ADDRESSES];
};

static struct table *table;
static struct lease_machine *machine;
static sd_event *event;

static bool quiet;

static struct address address_of(uint32_t number)
{
	return (struct address){
		{ [10] = 0xff, [11] = 0xff, 198, 18 + (number >> 16), number >> 8, number }
	};
}

static uint32_t number_of(const struct address *address)
{
	const uint8_t *bytes = address->bytes + 12;

	return (bytes[1] - 18) << 16 | bytes[2] << 8 | bytes[3];
}

static void on_gained(const struct address *address, uint8_t slot, void *userdata)
{
	char text[INET6_ADDRSTRLEN];

	table->entries[number_of(address)] = slot;
	if (!quiet)
		printf("GAINED %s %u\n", address_format(address, text), slot);
}

static int on_lost(const struct address *address, enum lease_loss reason, void *userdata)
{
	char text[INET6_ADDRSTRLEN];

	table->entries[number_of(address)] = 0;
	if (!quiet)
		printf("LOST %s %s\n", address_format(address, text), lease_loss_names[reason]);
	return 0;
}

static int on_purge(void *userdata)
{
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		struct address address = address_of(i);

		if (table->entries[i] != lease_machine_holds(machine, &address))
			table->entries[i] = 0;
	}
	return 0;
}

static int on_present(const struct address *address, void *userdata)
{
	return table->entries[number_of(address)] != 0;
}

static int on_stamp(uint8_t slot, uint64_t deadline_ns, void *userdata)
{
	table->stamps[slot] = deadline_ns;
	return 0;
}

static int on_stamped(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata)
{
	*ret_deadline_ns = table->stamps[slot];
	return 0;
}

static void on_changed(const struct address *address, void *userdata)
{
	struct lease_info info;
	char text[INET6_ADDRSTRLEN];

	if (!quiet && !lease_machine_info(machine, address, &info))
		printf("HOLDER %s %s\n", address_format(address, text),
		       info.holder[0] ? info.holder : "-");
}

static void on_state(enum lease_state state, const char *text, void *userdata)
{
	printf("STATE %s: %s\n", lease_state_names[state], text);
	if (state == LEASE_ENDED)
		sd_event_exit(event, 0);
}

static void on_log(int priority, const char *text, void *userdata)
{
	printf("LOG %s\n", text);
}

static void on_owners(void *userdata)
{
}

static const struct lease_callbacks callbacks = {
	.gained = on_gained,
	.lost = on_lost,
	.purge = on_purge,
	.present = on_present,
	.stamp = on_stamp,
	.stamped = on_stamped,
	.changed = on_changed,
	.state = on_state,
	.owners = on_owners,
	.log = on_log,
};

/* "VERB HOST [NODE]", HOST being the number of an address. */
static void command(char *line)
{
	const char *verb = strtok(line, " \n"), *host = strtok(NULL, " \n");
	const char *node = strtok(NULL, " \n");
	struct address address = address_of(host ? strtoul(host, NULL, 10) : 0);
	struct err err;

	if (!verb)
		return;
	if (!strcmp(verb, "want"))
		lease_machine_want(machine, &address, NULL);
	else if (!strcmp(verb, "last"))
		lease_machine_want(machine, &address,
				   &(struct lease_preference){ .last_resort = true });
	else if (!strcmp(verb, "unwant"))
		lease_machine_unwant(machine, &address);
	else if (!strcmp(verb, "drain"))
		lease_machine_drain(machine, true);
	else if (!strcmp(verb, "undrain"))
		lease_machine_drain(machine, false);
	else if (!strcmp(verb, "stop"))
		lease_machine_stop(machine);
	else if (!strcmp(verb, "move") && node &&
		 lease_machine_move(machine, &address, node, &err) < 0)
		printf("ERROR %s\n", err.text);
}

static int on_stdin(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char text[65536];
	ssize_t length = read(fd, text, sizeof(text) - 1);
	char *rest = text, *line;

	if (length <= 0) {
		sd_event_source_disable_unref(source);
		return 0;
	}
	text[length] = '\0';
	while ((line = strsep(&rest, "\n")))
		command(line);
	return 0;
}

int main(int argc, char **argv)
{
	const char *endpoints[ENDPOINTS + 1] = {};
	struct lease_config config = {
		.engine = STORE_ENGINE_ETCD,
		.timing = { 2000 * NS_PER_MS, 1700 * NS_PER_MS, 300 * NS_PER_MS },
		.weight = 100,
		.endpoints = endpoints,
	};
	unsigned int wanted = 0;
	sd_event_source *source;
	struct err err;
	int fd, option, count = 0;

	setlinebuf(stdout);
	while ((option = getopt(argc, argv, "n:i:t:e:w:a:c:k:K:s:T:D:pNq")) != -1) {
		switch (option) {
		case 'n':
			config.node = optarg;
			break;
		case 'i':
			config.id = optarg;
			break;
		case 't':
			fd = open(optarg, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			if (fd < 0 || ftruncate(fd, sizeof(*table)) < 0)
				return 1;
			table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				     0);
			break;
		case 'e':
			if (count < ENDPOINTS)
				endpoints[count++] = optarg;
			break;
		case 'w':
			wanted = strtoul(optarg, NULL, 10);
			break;
		case 'a':
			config.ca = optarg;
			break;
		case 'c':
			config.cert = optarg;
			break;
		case 'k':
			config.key = optarg;
			break;
		case 'K':
			config.engine = STORE_ENGINE_KUBERNETES;
			config.server = strcmp(optarg, "in-cluster") ? optarg : NULL;
			break;
		case 's':
			config.namespace = optarg;
			break;
		case 'T':
			config.token_file = optarg;
			break;
		case 'p':
			config.preempt = true;
			break;
		case 'D':
			config.timing.duration_ns = strtoull(optarg, NULL, 10) * NS_PER_MS;
			config.timing.renew_deadline_ns = config.timing.duration_ns * 85 / 100;
			config.timing.retry_period_ns = config.timing.duration_ns * 15 / 100;
			break;
		case 'q':
			quiet = true;
			break;
		case 'N':
			config.engine = STORE_ENGINE_NONE;
			break;
		default:
			return 2;
		}
	}
	if (!table || table == MAP_FAILED || sd_event_default(&event) < 0)
		return 1;
	if (lease_start(event, &config, &callbacks, NULL, &machine, &err) < 0) {
		fprintf(stderr, "lease-node: %s\n", err.text);
		return 1;
	}
	for (uint32_t i = 1; i <= wanted; i++) {
		struct address address = address_of(i);

		lease_machine_want(machine, &address, NULL);
	}
	lease_machine_settled(machine);
	if (sd_event_add_io(event, &source, STDIN_FILENO, EPOLLIN, on_stdin, NULL) < 0)
		return 1;
	sd_event_loop(event);
	lease_end(machine);
	sd_event_unref(event);
	return 0;
}
