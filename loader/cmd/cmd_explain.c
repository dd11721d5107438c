// SPDX-License-Identifier: GPL-2.0-or-later
/* explain: prints whether a request would be answered, and why. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/ipv6.h>

#include "cleanup.h"
#include "cli.h"
#include "device.h"
#include "explain.h"
#include "text.h"
#include "wire.h"

#define MAX_VID 4094

/* Accepts also addresses that no host may have, to see the program's outcome for them. */
static bool parse_from(const char *text, const struct address *target, struct address *ret_from)
{
	struct address from = {};

	if (!address_is_v4(target)) {
		if (inet_pton(AF_INET6, text, from.bytes) != 1 || address_is_v4(&from))
			return false;
	} else {
		memcpy(from.bytes, target->bytes, 12);
		if (inet_pton(AF_INET, text, &from.bytes[12]) != 1)
			return false;
	}
	*ret_from = from;
	return true;
}

static bool parse_vid(const char *text, uint16_t *ret_vid)
{
	char *end;
	unsigned long vid = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || vid > MAX_VID)
		return false;
	*ret_vid = vid;
	return true;
}

/* Parses [from ADDR] [vlan VID], in either order. Returns CLI_DONE, or CLI_USAGE with the error
 * printed. */
static int parse_clauses(int count, char **words, struct explain_question *question)
{
	for (int i = 0; i < count; i += 2) {
		bool from = !strcmp(words[i], "from"), vlan = !strcmp(words[i], "vlan");

		if (!from && !vlan)
			return cli_usage(&cmd_explain, "'%s' is one word too many", words[i]);
		if (i + 1 == count)
			return cli_usage(&cmd_explain, "'%s' needs %s", words[i],
					 from ? "an address" : "a number");
		if (from ? question->has_from : question->has_vid)
			return cli_usage(&cmd_explain, "'%s' stands there twice", words[i]);
		if (from && !parse_from(words[i + 1], &question->address, &question->from))
			return cli_usage(&cmd_explain, "'%s' is no address of that family",
					 words[i + 1]);
		if (vlan && !parse_vid(words[i + 1], &question->vid))
			return cli_usage(&cmd_explain, "'%s' is no VLAN from 0 to %d", words[i + 1],
					 MAX_VID);
		question->has_from |= from;
		question->has_vid |= vlan;
	}
	return CLI_DONE;
}

static json_t *mac_json(const uint8_t *mac)
{
	char text[MAC_TEXT_SIZE];

	return json_string(mac_format(mac, text));
}

static json_t *ip_json(int family, const void *address)
{
	char text[INET6_ADDRSTRLEN];

	return json_string(inet_ntop(family, address, text, sizeof(text)));
}

static json_t *arp_json(const uint8_t *at)
{
	struct arp_packet arp;

	memcpy(&arp, at, sizeof(arp));
	return json_pack("{s:i, s:o, s:o, s:o, s:o}", "op", ntohs(arp.op), "sha", mac_json(arp.sha),
			 "spa", ip_json(AF_INET, arp.spa), "tha", mac_json(arp.tha), "tpa",
			 ip_json(AF_INET, arp.tpa));
}

static json_t *na_json(const uint8_t *at)
{
	struct ipv6hdr ip;
	struct nd_message nd;
	struct nd_option option;

	memcpy(&ip, at, sizeof(ip));
	memcpy(&nd, at + sizeof(ip), sizeof(nd));
	memcpy(&option, at + sizeof(ip) + sizeof(nd), sizeof(option));
	return json_pack("{s:o, s:o, s:o, s:b, s:b, s:o}", "source", ip_json(AF_INET6, &ip.saddr),
			 "destination", ip_json(AF_INET6, &ip.daddr), "target",
			 ip_json(AF_INET6, nd.target), "solicited",
			 !!(ntohl(nd.flags) & ND_FLAG_SOLICITED), "override",
			 !!(ntohl(nd.flags) & ND_FLAG_OVERRIDE), "mac", mac_json(option.mac));
}

static json_t *reply_json(const struct explanation *explanation)
{
	const uint8_t *reply = explanation->reply;
	const uint8_t *payload = reply + request_payload(&explanation->request);
	json_t *tags = json_array(), *json;

	for (unsigned int i = 0; i < explanation->request.tag_count; i++)
		json_array_append_new(tags, json_integer(explanation->request.tags[i].vid));
	json = json_pack("{s:I, s:{s:o, s:o, s:o}}", "length",
			 (json_int_t)explanation->reply_length, "eth", "dst", mac_json(reply),
			 "src", mac_json(reply + ETH_ALEN), "vlan", tags);
	if (address_is_v4(&explanation->request.target))
		json_object_set_new(json, "arp", arp_json(payload));
	else
		json_object_set_new(json, "na", na_json(payload));
	return json;
}

static void print_json(const struct explain_question *question,
		       const struct explanation *explanation)
{
	json_t *checks = json_array();
	char ip[INET6_ADDRSTRLEN];

	for (enum explain_check i = 0; i < EXPLAIN_CHECK_COUNT; i++) {
		const struct explain_finding *finding = &explanation->findings[i];

		if (finding->made)
			json_array_append_new(checks,
					      json_pack("{s:s, s:b, s:o}", "name",
							explain_check_name(i), "ok", finding->ok,
							"detail", text_json(finding->detail)));
	}
	cli_print_json(json_pack(
		"{s:s, s:o, s:s, s:s, s:o, s:o}", "ip", address_format(&question->address, ip),
		"dev", text_json(question->link.name), "verdict", explain_verdict(explanation),
		"reason", explanation->reason, "checks", checks, "reply",
		explanation->answers ? reply_json(explanation) : json_null()));
}

static void print_text(const struct explain_question *question,
		       const struct explanation *explanation)
{
	char ip[INET6_ADDRSTRLEN];

	text_print(stdout, "%s dev %s: %s (%s)\n", address_format(&question->address, ip),
		   question->link.name, explain_verdict(explanation), explanation->reason);
	for (enum explain_check i = 0; i < EXPLAIN_CHECK_COUNT; i++)
		if (explanation->findings[i].made)
			text_print(stdout, "  %-3s %-10s %s\n",
				   explanation->findings[i].ok ? "ok" : "no", explain_check_name(i),
				   explanation->findings[i].detail);
}

static int explain_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(explain_program_free) struct explain_program *program = NULL;
	struct explain_question question = {};
	struct explanation explanation;
	struct err err;
	int r;

	if (cli_check_address_dev(&cmd_explain, count, words))
		return CLI_USAGE;
	r = addr_parse(words[0], &question.address, &err);
	if (r == -EINVAL)
		return cli_usage(&cmd_explain, "%s", err.text);
	if (r < 0)
		return cli_fail(&err);
	r = parse_clauses(count - 3, words + 3, &question);
	if (r)
		return r;
	r = explain(options->bpffs, words[2], &question, &program, &explanation, &err);
	if (r < 0)
		return cli_fail(&err);
	if (options->json)
		print_json(&question, &explanation);
	else
		print_text(&question, &explanation);
	return CLI_DONE;
}

const struct cli_command cmd_explain = {
	.name = "explain",
	.words = "ADDR dev IFACE [from ADDR] [vlan VID]",
	.summary = "Say whether a request would be answered now, and why",
	.details =
		"Runs a request through the program with the maps as they are now. No frame is sent, and\n"
		"nothing is counted. 'from' is the sender, by default another host of the LAN; 0.0.0.0 or\n"
		":: is a probe. 'vlan' is the request's tag.\n\n"
		"Examples:\n"
		"  " CLI_NAME " explain 10.0.10.0 dev eth1\n"
		"  " CLI_NAME " explain 2001:db8::10 dev eth1 from 2001:db8::99\n"
		"  " CLI_NAME " explain 10.0.10.0 dev eth1 vlan 100 --json\n",
	.run = explain_run,
};
