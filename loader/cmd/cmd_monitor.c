// SPDX-License-Identifier: GPL-2.0-or-later
/* monitor: prints requests and answers, which packet captures on this host don't see. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "boot_clock.h"
#include "capture.h"
#include "cleanup.h"
#include "clock.h"
#include "cli.h"
#include "counts.h"
#include "decode.h"
#include "device.h"
#include "prog.h"
#include "text.h"
#include "trace.h"
#include "vlan.h"

#define PINS_AWAITED_MS 200
#define NS_A_SECOND	1000000000LL

/* Selects the records that are shown; members that aren't set match all. */
struct filter {
	const char *dev;  /* a recreated interface keeps its name */
	uint32_t ifindex; /* the present index of dev; 0: it doesn't exist */
	const char *address_text;
	const char *outcome_name;
	struct address address;
	enum outcome outcome;
};

struct monitor {
	const struct cli_options *options;
	const struct pins *pins;
	struct filter filter;
	struct capture *capture; /* NULL: none requested */
	struct device_table devices;
	int64_t boot_to_wall_ns;
	uint64_t shown;
	bool done;
};

/* A decoded record. */
struct sight {
	const struct trace_record *record;
	const char *dev;
	struct timespec when; /* CLOCK_REALTIME */
	struct decoded request, reply;
};

static int parse_address(struct filter *filter)
{
	if (address_parse(filter->address_text, &filter->address) < 0)
		return cli_usage(&cmd_monitor, "'%s' is not an address", filter->address_text);
	return CLI_DONE;
}

static int parse_outcome(struct filter *filter)
{
	for (filter->outcome = 0; filter->outcome < OUTCOME_COUNT; filter->outcome++)
		if (!strcmp(filter->outcome_name, counts_outcome_name(filter->outcome)))
			return CLI_DONE;
	return cli_usage(&cmd_monitor, "no outcome '%s'", filter->outcome_name);
}

/* Parses [dev IFACE] [addr ADDR] [outcome NAME], in any order. Returns CLI_DONE, or CLI_USAGE with
 * the error printed. */
static int parse_filter(int count, char **words, struct filter *filter)
{
	const struct {
		const char *word;
		const char **value;
	} takes[] = {
		{ "dev", &filter->dev },
		{ "addr", &filter->address_text },
		{ "outcome", &filter->outcome_name },
	};

	for (int at = 0; at < count; at += 2) {
		size_t i = 0;

		while (i < sizeof(takes) / sizeof(takes[0]) &&
		       strcmp(words[at], takes[i].word) != 0)
			i++;
		if (i == sizeof(takes) / sizeof(takes[0]))
			return cli_usage(&cmd_monitor, "'%s' is not understood", words[at]);
		if (*takes[i].value)
			return cli_usage(&cmd_monitor, "'%s' is there twice", words[at]);
		if (at + 1 == count)
			return cli_usage(&cmd_monitor, "something is missing after '%s'",
					 words[at]);
		*takes[i].value = words[at + 1];
	}
	if (filter->address_text && parse_address(filter))
		return CLI_USAGE;
	return filter->outcome_name ? parse_outcome(filter) : CLI_DONE;
}

/* Reads the interfaces' names and the wall clock again, which may change while monitor runs. */
static int monitor_refresh(struct monitor *monitor, struct err *err)
{
	struct filter *filter = &monitor->filter;
	struct link link = {};
	int r;

	monitor->boot_to_wall_ns = clock_boot_to_wall_ns() + boot_clock_offset_ns();
	r = filter->dev ? device_resolve(monitor->pins, filter->dev, &link, err) : 0;
	if (r < 0 && r != -ENODEV)
		return r;
	filter->ifindex = link.ifindex;
	return device_read_all(monitor->pins, &monitor->devices, err);
}

static const char *device_name(struct monitor *monitor, uint32_t ifindex)
{
	const struct device_row *row = device_find(&monitor->devices, ifindex);
	struct err ignored;

	/* it may have been attached since the last refresh */
	if (!row && !monitor_refresh(monitor, &ignored))
		row = device_find(&monitor->devices, ifindex);
	return row ? row->name : "?";
}

/* True if the frame came in on the filter's interface, or is for that VLAN device. */
static bool is_dev(const struct monitor *monitor, const struct sight *sight)
{
	uint32_t ifindex = sight->record->ifindex;

	if (ifindex == monitor->filter.ifindex)
		return true;
	for (unsigned int i = 0; i < sight->request.tags && ifindex; i++)
		ifindex = vlan_device(monitor->pins, ifindex, sight->request.tag[i].protocol,
				      sight->request.tag[i].tci & VLAN_TCI_VID);
	return ifindex && ifindex == monitor->filter.ifindex;
}

static bool filter_matches(struct monitor *monitor, const struct sight *sight)
{
	const struct filter *filter = &monitor->filter;

	if (filter->dev && !is_dev(monitor, sight))
		return false;
	if (filter->outcome_name && filter->outcome != sight->record->outcome)
		return false;
	/* the reply has the same addresses as the request */
	return !filter->address_text || decode_mentions(&sight->request, &filter->address);
}

/* Decodes a record. False: it has another version's format. */
static bool sight_make(struct monitor *monitor, const struct trace_record *record,
		       struct sight *sight)
{
	int64_t wall_ns = record->seen_ns + monitor->boot_to_wall_ns;

	if (record->outcome >= OUTCOME_COUNT || record->captured > L2RESP_TRACE_SNAPLEN ||
	    decode_frame(record->request, record->captured, record->length, &sight->request) < 0 ||
	    (record->replied &&
	     decode_frame(record->reply, record->captured, record->length, &sight->reply) < 0))
		return false;
	sight->record = record;
	sight->dev = device_name(monitor, record->ifindex);
	sight->when = (struct timespec){ wall_ns / NS_A_SECOND, wall_ns % NS_A_SECOND };
	return true;
}

static bool is_conflict(enum outcome outcome)
{
	return outcome == OUTCOME_ARP_CONFLICT || outcome == OUTCOME_ND_CONFLICT;
}

/* Prints a frame as tcpdump -i any does: local time, interface, direction. */
static void print_frame(const struct sight *sight, const char *direction,
			const struct decoded *frame)
{
	char clock[16];
	struct tm local;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&sight->when.tv_sec, &local));
	text_print(stdout, "%s.%06ld %-5s %-3s ", clock, sight->when.tv_nsec / 1000, sight->dev,
		   direction);
	decode_print(frame, stdout);
}

static void sight_print(const struct sight *sight)
{
	enum outcome outcome = sight->record->outcome;
	struct address address;
	uint8_t mac[ETH_ALEN];

	print_frame(sight, "In", &sight->request);
	if (!sight->record->replied)
		printf(" -- %s", counts_outcome_name(outcome));
	if (is_conflict(outcome) && decode_sender(&sight->request, &address, mac)) {
		char address_text[INET6_ADDRSTRLEN], mac_text[MAC_TEXT_SIZE];

		printf(": %s uses %s", mac_format(mac, mac_text),
		       address_format(&address, address_text));
	}
	putchar('\n');
	if (!sight->record->replied)
		return;
	print_frame(sight, "Out", &sight->reply);
	putchar('\n');
}

static void sight_print_json(const struct sight *sight)
{
	const struct trace_record *record = sight->record;
	char time[CLOCK_TEXT_SIZE];

	cli_print_json(json_pack(
		"{s:s, s:o, s:i, s:s, s:b, s:b, s:i, s:o, s:o}", "time",
		clock_format(&sight->when, 9, time), "dev", text_json(sight->dev), "ifindex",
		(int)record->ifindex, "outcome", counts_outcome_name(record->outcome), "answered",
		(int)record->replied, "conflict", is_conflict(record->outcome), "length",
		(int)record->length, "request", decode_json(&sight->request), "reply",
		record->replied ? decode_json(&sight->reply) : json_null()));
}

static bool monitor_record(const struct trace_record *record, void *context)
{
	struct monitor *monitor = context;
	struct sight sight;

	if (!sight_make(monitor, record, &sight) || !filter_matches(monitor, &sight))
		return true;
	if (monitor->capture)
		capture_add(monitor->capture, record, &sight.when);
	if (monitor->options->json)
		sight_print_json(&sight);
	else if (!monitor->capture)
		sight_print(&sight);
	monitor->shown++;
	monitor->done = monitor->options->limit && monitor->shown >= monitor->options->limit;
	return !monitor->done;
}

static int monitor_flush(struct monitor *monitor, struct err *err)
{
	fflush(stdout);
	return monitor->capture ? capture_flush(monitor->capture, err) : 0;
}

static int monitor_renew(struct monitor *monitor, struct trace *trace, struct err *err)
{
	int r = trace_renew(trace, err);

	if (r > 0)
		cli_note(
			"this command was held up for over %d s; frames that came meanwhile are missing",
			TRACE_LEASE_MS / 1000);
	return r < 0 ? r : monitor_refresh(monitor, err);
}

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Runs until a signal, --count records, or the output's reader is gone. */
static int monitor_loop(struct monitor *monitor, struct trace *trace, int signal_fd,
			struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = trace_fd(trace), .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = STDOUT_FILENO }, /* a pipe without a reader reports itself */
	};
	int64_t renew_at_ms = monotonic_ms() + TRACE_RENEW_MS;

	while (!monitor->done && !fds[1].revents && !fds[2].revents && !ferror(stdout)) {
		int64_t wait_ms = renew_at_ms - monotonic_ms();
		int r;

		if (wait_ms <= 0) {
			r = monitor_renew(monitor, trace, err);
			if (r < 0)
				return r;
			renew_at_ms = monotonic_ms() + TRACE_RENEW_MS;
			continue;
		}
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), (int)wait_ms) < 0)
			return err_set(err, negative_errno(), "waiting: %s", strerror(errno));
		trace_read(trace);
		r = monitor_flush(monitor, err);
		if (r < 0)
			return r;
	}
	trace_stop(trace);
	while (!monitor->done && trace_read(trace))
		;
	return monitor_flush(monitor, err);
}

static int open_signals(struct err *err)
{
	sigset_t ends;
	int fd;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	fd = signalfd(-1, &ends, SFD_CLOEXEC);
	if (fd < 0)
		return err_set(err, negative_errno(), "asking for signals: %s", strerror(errno));
	return fd;
}

/* Waits until something is pinned. Returns 0, or 1 for a signal. */
static int await_pins(const struct cli_options *options, int signal_fd, struct pins *pins,
		      struct err *err)
{
	struct pollfd signal = { .fd = signal_fd, .events = POLLIN };
	int r;

	cli_note("nothing is attached yet; waiting");
	do {
		if (poll(&signal, 1, PINS_AWAITED_MS))
			return 1;
		r = pins_open(options->bpffs, pins, err);
	} while (r == -ENOENT && !*err->text);
	return r;
}

/* Prints a note if no program runs yet whose frames could be shown. */
static void note_unless_attached(const struct pins *pins, const struct link *dev)
{
	if (dev)
		cli_note_unless_attached(pins, dev);
	else if (!prog_uses_map(pins_map_id(pins, MAPS_TRACE)))
		cli_note("nothing is attached yet; waiting");
}

static int monitor_open(struct monitor *monitor, int signal_fd, struct pins *pins, struct err *err)
{
	const char *dev = monitor->filter.dev;
	struct link link;
	int r = pins_open(monitor->options->bpffs, pins, err);

	if (r == -ENOENT && !*err->text) {
		r = dev ? link_by_name(dev, &link, err) : 0;
		return r ?: await_pins(monitor->options, signal_fd, pins, err);
	}
	if (!r && dev)
		r = device_resolve(pins, dev, &link, err);
	if (!r)
		note_unless_attached(pins, dev ? &link : NULL);
	return r;
}

static int monitor_watch(struct monitor *monitor, int signal_fd, struct err *err)
{
	_cleanup_(trace_close) struct trace *trace = NULL;
	_cleanup_(capture_close) struct capture *capture = NULL;
	int r = monitor_refresh(monitor, err);

	/* open the file only as the one monitor: a second one must not truncate the first one's */
	if (!r)
		r = trace_open(monitor->pins, monitor_record, monitor, &trace, err);
	if (!r && monitor->options->write)
		r = capture_open(monitor->options->write, &capture, err);
	monitor->capture = capture;
	if (!r)
		r = monitor_loop(monitor, trace, signal_fd, err);
	if (r < 0)
		return r;
	if (monitor->options->json)
		cli_print_json(json_pack("{s:I}", "lost", (json_int_t)trace_lost(trace)));
	cli_note("%llu shown, %llu lost", (unsigned long long)monitor->shown,
		 (unsigned long long)trace_lost(trace));
	return 0;
}

static int monitor_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_close_ int signal_fd = -1;
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct monitor monitor = { .options = options, .pins = &pins };
	struct err err;
	int r;

	if (parse_filter(count, words, &monitor.filter))
		return CLI_USAGE;
	if (options->json && options->write && !strcmp(options->write, "-"))
		return cli_usage(&cmd_monitor, "--json and --write - both want standard output");
	if (options->write && !strcmp(options->write, "-") && isatty(STDOUT_FILENO))
		return cli_usage(&cmd_monitor,
				 "--write - writes packets, which a terminal can't show; send them "
				 "through a pipe, as in `" CLI_NAME
				 " monitor --write - | tshark -r -`, or name a file");
	signal_fd = open_signals(&err);
	r = signal_fd < 0 ? signal_fd : monitor_open(&monitor, signal_fd, &pins, &err);
	if (!r)
		r = monitor_watch(&monitor, signal_fd, &err);
	return r < 0 ? cli_fail(&err) : CLI_DONE;
}

#define OUTCOME_LINE(id, name, text) "  " #name "\n"

const struct cli_command cmd_monitor = {
	.name = "monitor",
	.words = "[dev IFACE] [addr ADDR] [outcome NAME]",
	.summary = "Show requests and answers, which tcpdump on this host can't see",
	.options = (const struct cli_option *const[]){ &cli_opt_write, &cli_opt_limit, NULL },
	.details =
		"Shows every ARP frame, neighbour solicitation and advertisement that comes in, with its\n"
		"answer, or with its outcome if there is no answer, until interrupted. --write writes\n"
		"them to a pcap file instead, or with '-' to a pipe; --json prints an object a line.\n"
		"'dev' is an interface with the program, or a VLAN device on it that has addresses;\n"
		"'addr' is an address in the frame. Only one monitor can run at a time. While it runs\n"
		"answers take longer.\n\n"
		"Examples:\n"
		"  " CLI_NAME " monitor\n"
		"  " CLI_NAME " monitor dev eth1 outcome arp_conflict\n"
		"  " CLI_NAME " monitor --write - | tshark -r -\n\n"
		"Outcomes:\n" OUTCOMES(OUTCOME_LINE),
	.run = monitor_run,
};
