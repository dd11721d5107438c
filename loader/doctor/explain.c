// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attach_state.h"
#include "cleanup.h"
#include "counts.h"
#include "entry.h"
#include "explain.h"
#include "pins.h"
#include "text.h"
#include "vlan.h"

static const char *const check_names[EXPLAIN_CHECK_COUNT] = {
	[EXPLAIN_INTERFACE] = "interface", [EXPLAIN_PROGRAM] = "program", [EXPLAIN_VLAN] = "vlan",
	[EXPLAIN_SENDER] = "sender",	   [EXPLAIN_ENTRY] = "entry",	  [EXPLAIN_LEASE] = "lease",
	[EXPLAIN_CONFLICT] = "conflict",   [EXPLAIN_REPLY] = "reply",
};

const char *explain_check_name(enum explain_check check)
{
	return check_names[check];
}

/* The check that an outcome comes from. */
static const enum explain_check ends_at[OUTCOME_COUNT] = {
	[OUTCOME_ARP_OTHER_VLAN] = EXPLAIN_VLAN,      [OUTCOME_ARP_BAD_SENDER_MAC] = EXPLAIN_SENDER,
	[OUTCOME_ARP_BAD_SENDER_IP] = EXPLAIN_SENDER, [OUTCOME_ARP_NOT_OWNED] = EXPLAIN_ENTRY,
	[OUTCOME_ARP_LEASE_OVER] = EXPLAIN_LEASE,     [OUTCOME_ARP_OWN_MAC] = EXPLAIN_CONFLICT,
	[OUTCOME_ARP_CONFLICT] = EXPLAIN_CONFLICT,    [OUTCOME_ND_OTHER_VLAN] = EXPLAIN_VLAN,
	[OUTCOME_ND_BAD_SENDER_MAC] = EXPLAIN_SENDER, [OUTCOME_ND_BAD_SENDER_IP] = EXPLAIN_SENDER,
	[OUTCOME_ND_NOT_OWNED] = EXPLAIN_ENTRY,	      [OUTCOME_ND_LEASE_OVER] = EXPLAIN_LEASE,
	[OUTCOME_ND_OWN_MAC] = EXPLAIN_CONFLICT,      [OUTCOME_ND_CONFLICT] = EXPLAIN_CONFLICT,
};

static void add_finding(struct explanation *explanation, enum explain_check check, bool ok,
			const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add_finding(struct explanation *explanation, enum explain_check check, bool ok,
			const char *format, ...)
{
	struct explain_finding *finding = &explanation->findings[check];
	va_list args;

	finding->made = true;
	finding->ok = ok;
	va_start(args, format);
	text_vprintf(finding->detail, sizeof(finding->detail), format, args);
	va_end(args);
}

/* Returns the VLAN device for @request's tags on @ifindex; 0: none. */
static uint32_t tags_device(const struct pins *pins, const struct request *request,
			    uint32_t ifindex)
{
	for (unsigned int i = 0; i < request->tag_count && ifindex; i++)
		ifindex =
			vlan_device(pins, ifindex, request->tags[i].protocol, request->tags[i].vid);
	return ifindex;
}

/* @caveat: how the attached program differs from the one that explain runs; or empty. */
static void note_program(struct explanation *explanation, const struct link *link,
			 const struct attach_state *state, int ours, const char *caveat)
{
	char earlier[128] = "";
	size_t used = 0;

	if (!state->chain) {
		add_finding(explanation, EXPLAIN_PROGRAM, true, "on %s, %s mode, alone%s",
			    link->name, attach_mode_name(state->mode), caveat);
		return;
	}
	for (int i = 0; i < ours && used < sizeof(earlier); i++)
		used += snprintf(earlier + used, sizeof(earlier) - used, "%s%s (id %u)",
				 i ? ", " : " after ", state->prog[i].name, state->prog[i].id);
	add_finding(explanation, EXPLAIN_PROGRAM, true,
		    "on %s, %s mode, program %d of %u in the dispatcher%s%s%s", link->name,
		    attach_mode_name(state->mode), ours + 1, state->count, earlier,
		    ours ? ", which may drop the request; explain can't see that" : "", caveat);
}

/* Chooses a sender: a neighbour of @target that isn't ours, else the unspecified address, which
 * makes the request a probe. */
static struct address choose_from(const struct pins *pins, const struct address *target,
				  uint32_t ifindex)
{
	struct entry_key key = { .address = *target, .ifindex = ifindex };
	struct address unspecified = {};
	struct entry_row row;
	struct err ignored;

	for (unsigned int i = 1; i < 256; i++) {
		key.address.bytes[15] = target->bytes[15] ^ i;
		if (entry_get(pins, &key, &row, &ignored) < 0)
			return key.address;
	}
	if (address_is_v4(target))
		memcpy(unspecified.bytes, target->bytes, 12);
	return unspecified;
}

static void note_entry(const struct pins *pins, struct explanation *explanation,
		       const struct address *address, const struct link *device)
{
	struct entry_key key = { .address = *address, .ifindex = device->ifindex };
	struct entry_row row;
	struct err failure;
	char mac[MAC_TEXT_SIZE];
	uint64_t remaining_ms;

	if (entry_get(pins, &key, &row, &failure) < 0) {
		add_finding(explanation, EXPLAIN_ENTRY, false, "not in the map for %s",
			    device->name);
		return;
	}
	if (row.damaged) {
		add_finding(explanation, EXPLAIN_ENTRY, false, "damaged; add it again");
		return;
	}
	add_finding(explanation, EXPLAIN_ENTRY, true, "mac %s%s", mac_format(row.head.mac, mac),
		    entry_mac_virtual(&row)	       ? ", virtual"
		    : row.head.flags & ENTRY_MAC_FIXED ? ", fixed"
		    : entry_mac_stale(&row, device->mac)
			    ? ", which the interface had once; attach again"
			    : ", the interface's own");
	if (entry_lease_remaining(pins, row.head.lease, &remaining_ms, &failure) < 0)
		add_finding(explanation, EXPLAIN_LEASE, false, "%s", failure.text);
	else if (row.head.lease == L2RESP_LEASE_FOREVER)
		add_finding(explanation, EXPLAIN_LEASE, true, "added by hand, for ever");
	else
		add_finding(explanation, EXPLAIN_LEASE, remaining_ms, "slot %u, %llu ms remain",
			    row.head.lease, (unsigned long long)remaining_ms);
}

/* Adds each check's finding from the maps; conclude() then corrects them by the outcome. */
static void note_maps(const struct pins *pins, struct explanation *explanation,
		      const struct link *link)
{
	const struct request *request = &explanation->request;
	uint32_t device = tags_device(pins, request, link->ifindex);
	char from[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];
	struct link vlan = {};
	struct err ignored;

	if (request->tag_count && device)
		link_by_ifindex(device, &vlan, &ignored);
	if (request->tag_count && !device)
		add_finding(explanation, EXPLAIN_VLAN, false,
			    "no address was added on a VLAN device of %s with that tag",
			    link->name);
	else if (request->tag_count)
		add_finding(explanation, EXPLAIN_VLAN, true, "the tag is %s's", vlan.name);
	add_finding(explanation, EXPLAIN_SENDER, true, "%s at %s",
		    address_format(&request->from, from), mac_format(request->from_mac, mac));
	note_entry(pins, explanation, &request->target, request->tag_count ? &vlan : link);
	add_finding(explanation, EXPLAIN_CONFLICT, true,
		    "the sender uses no address or MAC of ours");
}

/* The program's outcome overrides the maps' findings: removes those after the check it ended at. */
static void conclude(struct explanation *explanation, enum outcome outcome)
{
	enum explain_check end = outcome < OUTCOME_COUNT ? ends_at[outcome] : 0;
	char mac[MAC_TEXT_SIZE];

	if (!end)
		end = EXPLAIN_REPLY;
	explanation->answers = outcome_is_answer(outcome);
	explanation->reason = outcome < OUTCOME_COUNT ? counts_outcome_name(outcome) : "not_seen";
	if (explanation->answers)
		add_finding(explanation, EXPLAIN_REPLY, true, "%zu bytes, from %s",
			    explanation->reply_length,
			    mac_format(explanation->reply + ETH_ALEN, mac));
	else if (outcome == OUTCOME_COUNT)
		add_finding(explanation, EXPLAIN_REPLY, false,
			    "neither ARP nor neighbour discovery to the program");
	else if (end == EXPLAIN_CONFLICT || end == EXPLAIN_SENDER || end == EXPLAIN_REPLY)
		add_finding(explanation, end, false, "%s", counts_outcome_text(outcome));
	explanation->findings[end].ok = explanation->answers;
	for (int check = end + 1; check < EXPLAIN_CHECK_COUNT; check++)
		explanation->findings[check].made = false;
}

/* Returns why the attached program may answer differently than explain's; empty: it doesn't. */
static const char *caveat_of(const struct explain_program *program,
			     const struct attach_state *state, int ours)
{
	if (state->prog[ours].stale)
		return "; it answers for another map or interface: attach again";
	if (explain_program_differs(program, state->prog[ours].id))
		return "; it is another build than this command's program, which explain ran instead";
	return "";
}

/* True if frames can reach the hook: the interface is up and has a carrier. */
static bool interface_works(struct explanation *explanation, const struct link *link)
{
	bool up = link->flags & IFF_UP, carrier = link->flags & IFF_RUNNING;

	add_finding(explanation, EXPLAIN_INTERFACE, up && carrier, "%s is %s", link->name,
		    !up	       ? "down"
		    : !carrier ? "up, without carrier"
			       : "up");
	if (!up || !carrier)
		explanation->reason = up ? "no_carrier" : "interface_down";
	return up && carrier;
}

/* Fills @request, whose tags for @question's link are already set, from @question. */
static int request_fill(const struct pins *pins, const struct explain_question *question,
			const struct link *link, struct request *request, struct err *err)
{
	static const uint8_t from_mac[ETH_ALEN] = { 0, 0, 0x5e, 0, 0x53, 0x01 }; /* RFC 7042 */

	if (question->has_vid && link_hides_tags(link))
		return err_set(err, -EOPNOTSUPP,
			       "%s: XDP doesn't see VLAN tags there; leave 'vlan' out, or name the "
			       "VLAN device",
			       link->name);
	if (question->has_vid && request->tag_count == REQUEST_MAX_TAGS)
		return err_set(err, -EINVAL, "%s has two tags already, and the program reads two",
			       question->link.name);
	if (question->has_vid)
		request->tags[request->tag_count++] =
			(struct request_tag){ ETH_P_8021Q, question->vid };
	request->target = question->address;
	memcpy(request->from_mac, from_mac, ETH_ALEN);
	request->from = question->has_from ? question->from
					   : choose_from(pins, &question->address,
							 tags_device(pins, request, link->ifindex));
	return 0;
}

/* @pins: NULL if nothing is pinned. */
static int explain_link(const struct pins *pins, const struct explain_question *question,
			struct explain_program **program, struct explanation *ret_explanation,
			struct err *err)
{
	struct explanation explanation = { .reason = "not_attached" };
	struct request *request = &explanation.request;
	uint8_t frame[REQUEST_MAX];
	struct vlan_hook hook;
	enum outcome outcome;
	int r = vlan_find_hook(pins, question->link.ifindex, &hook, err);

	if (r < 0)
		return r;
	if (hook.moved.found) {
		char text[ATTACH_MOVED_TEXT_SIZE];

		attach_moved_text(&hook.moved, text);
		return err_set(err, -ENODEV,
			       "the parent of %s %s, and the program on that answers; ask there",
			       question->link.name, text);
	}
	if (!interface_works(&explanation, hook.ours < 0 ? &question->link : &hook.link)) {
		*ret_explanation = explanation;
		return 0;
	}
	if (hook.ours < 0) {
		add_finding(&explanation, EXPLAIN_PROGRAM, false, "not attached to %s",
			    hook.link.name);
		*ret_explanation = explanation;
		return 0;
	}
	r = explain_program_load(pins, &hook.link, program, err);
	if (r < 0)
		return r;
	note_program(&explanation, &hook.link, &hook.state, hook.ours,
		     caveat_of(*program, &hook.state, hook.ours));
	for (; request->tag_count < hook.tag_count; request->tag_count++)
		request->tags[request->tag_count] =
			(struct request_tag){ ntohs(hook.tags[request->tag_count].protocol),
					      hook.tags[request->tag_count].vid };
	r = request_fill(pins, question, &hook.link, request, err);
	if (r < 0)
		return r;
	note_maps(pins, &explanation, &hook.link);
	explanation.reply_length = sizeof(explanation.reply);
	r = explain_program_run(*program, frame, request_write(request, frame), &outcome,
				explanation.reply, &explanation.reply_length);
	if (r < 0)
		return err_set(err, r, "%s: running the program: %s", hook.link.name, strerror(-r));
	conclude(&explanation, outcome);
	*ret_explanation = explanation;
	return 0;
}

int explain(const char *bpffs, const char *dev, struct explain_question *question,
	    struct explain_program **program, struct explanation *ret_explanation, struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	int r = link_by_name(dev, &question->link, err);

	if (r < 0)
		return r;
	r = pins_open(bpffs, &pins, err);
	if (r < 0 && (r != -ENOENT || *err->text))
		return r;
	return explain_link(r < 0 ? NULL : &pins, question, program, ret_explanation, err);
}

const char *explain_verdict(const struct explanation *explanation)
{
	return explanation->answers ? "answer" : "silent";
}
