// SPDX-License-Identifier: GPL-2.0-or-later
/* announce: gratuitous ARP and unsolicited neighbour advertisements by hand. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "announce.h"
#include "cleanup.h"
#include "cli.h"
#include "entry.h"
#include "responder.h"
#include "spec.h"
#include "text.h"

/* Reads the entry, and fails if it wouldn't answer now. Where the program isn't attached the kernel
 * may answer: a note says so in the end. */
static int entry_held(const struct pins *pins, const struct entry_key *key, const struct link *link,
		      struct announcement *ret_what, struct err *err)
{
	char ip[INET6_ADDRSTRLEN];
	struct entry_row row;
	uint64_t remaining_ms;
	int r = entry_get(pins, key, &row, err);

	address_format(&key->address, ip);
	if (r == -ENOENT)
		return err_set(err, r, "%s dev %s is not in the map; add it first", ip, link->name);
	if (!r && !row.damaged)
		r = entry_lease_remaining(pins, row.head.lease, &remaining_ms, err);
	if (r < 0)
		return r;
	if (row.damaged)
		return err_set(err, -EUCLEAN,
			       "%s dev %s: what is written for it isn't an entry; add it again", ip,
			       link->name);
	if (!remaining_ms)
		return err_set(err, -EPERM, "%s dev %s: its lease has run out", ip, link->name);
	*ret_what = (struct announcement){ .address = key->address,
					   .override = !(row.head.flags & ENTRY_NO_OVERRIDE) };
	memcpy(ret_what->mac, row.head.mac, ETH_ALEN);
	return 0;
}

/* Opens the maps again if others were pinned in their place meanwhile, as when they grow. */
static int follow_pins(const char *bpffs, const struct address *address, struct pins *pins,
		       struct err *err)
{
	struct pins now = PINS_NONE;
	int r;

	/* if nothing is pinned, the open maps are the ones that programs read */
	if (pins_is_pinned(pins, MAPS_RESPONDER_V4 + responder_family(address)))
		return 0;
	r = pins_open(bpffs, &now, err);
	if (r == -ENOENT && !*err->text)
		return 0;
	if (r < 0)
		return r;
	pins_close(pins);
	*pins = now;
	return 0;
}

static int announce_times(struct pins *pins, const struct address *address, const struct link *link,
			  const struct cli_options *options, struct err *err)
{
	const struct timespec pause = { .tv_sec = options->interval_ms / 1000,
					.tv_nsec = options->interval_ms % 1000 * 1000000L };
	const struct entry_key key = { .address = *address, .ifindex = link->ifindex };
	_cleanup_close_ int fd = announce_open(err);

	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < options->count; i++) {
		struct announcement what;
		int r;

		if (i)
			nanosleep(&pause, NULL);
		/* during the pause it may have been deleted, or its lease may have expired */
		r = follow_pins(options->bpffs, address, pins, err);
		if (!r)
			r = entry_held(pins, &key, link, &what, err);
		if (!r)
			r = announce_send(fd, link, &what, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int announce_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct spec spec;
	struct link link;
	char ip[INET6_ADDRSTRLEN];
	struct err err;
	int r;

	if (cli_check_address_dev(&cmd_announce, count, words))
		return CLI_USAGE;
	if (count > 3)
		return cli_usage(&cmd_announce, "'%s' is one word too many", words[3]);
	r = spec_parse(count, words, &spec, &err);
	if (r == -EINVAL)
		return cli_usage(&cmd_announce, "%s", err.text);
	if (!r && address_compare(&spec.range.first, &spec.range.last))
		return cli_usage(&cmd_announce, "one address at a time, not %s", words[0]);
	if (!r)
		r = link_for_arp(spec.dev, &link, &err);
	if (!r)
		r = pins_open(options->bpffs, &pins, &err);
	if (r == -ENOENT && !*err.text)
		r = err_set(&err, r, "%s dev %s is not in the map; add it first", words[0],
			    spec.dev);
	if (!r)
		r = announce_times(&pins, &spec.range.first, &link, options, &err);
	if (r < 0)
		return cli_fail(&err);
	cli_note_unless_attached(&pins, &link);
	address_format(&spec.range.first, ip);
	if (options->json)
		cli_print_json(json_pack("{s:s, s:o, s:I}", "ip", ip, "dev", text_json(link.name),
					 "announced", (json_int_t)options->count));
	else
		text_print(stdout, "%s dev %s announced %u time%s\n", ip, link.name, options->count,
			   options->count == 1 ? "" : "s");
	return CLI_DONE;
}

const struct cli_command cmd_announce = {
	.name = "announce",
	.words = "ADDR dev IFACE",
	.summary = "Tell the LAN where an address is",
	.options = (const struct cli_option *const[]){ &cli_opt_count, &cli_opt_interval, NULL },
	.details = "Sends gratuitous ARP, each time as a request and as a reply, or an\n"
		   "unsolicited neighbour advertisement, with the MAC in the map.\n\n"
		   "Examples:\n"
		   "  " CLI_NAME " announce 10.0.10.0 dev eth1\n"
		   "  " CLI_NAME " announce 2001:db8::10 dev eth1 --count 1\n",
	.run = announce_run,
};
