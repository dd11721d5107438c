// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record_json.h"

/* Of both kinds. A change that older agents can't work with raises it. */
#define RECORD_VERSION 1

#define SESSION_TEXT 17

/* As 16 hex digits: JSON's numbers are doubles to many programs. */
static const char *session_format(uint64_t session, char text[SESSION_TEXT])
{
	snprintf(text, SESSION_TEXT, "%016" PRIx64, session);
	return text;
}

/* As sessions are written. */
static json_t *groups_to_json(const uint64_t groups[RECORD_GROUPS_MAX])
{
	char text[SESSION_TEXT];
	json_t *array = json_array();

	for (size_t i = 0; i < RECORD_GROUPS_MAX; i++)
		if (groups[i])
			json_array_append_new(array, json_string(session_format(groups[i], text)));
	return array;
}

static json_t *own_to_json(const struct heartbeat *heartbeat)
{
	char text[INET6_ADDRSTRLEN];
	json_t *array = json_array();

	for (size_t i = 0; i < heartbeat->own_count; i++)
		json_array_append_new(array, json_string(address_format(&heartbeat->own[i], text)));
	return array;
}

json_t *record_to_json(const struct record *record)
{
	char session[SESSION_TEXT], wish_session[SESSION_TEXT];

	if (record->kind == RECORD_CLAIM)
		return json_pack("{si ss ss ss ss ss sb sb sI}", "version", RECORD_VERSION, "state",
				 record->claim.holder[0] ? "held" : "free", "holder",
				 record->claim.holder, "session",
				 session_format(record->claim.session, session), "wish",
				 record->claim.wish, "wishSession",
				 session_format(record->claim.wish_session, wish_session), "moved",
				 record->claim.moved, "unsettled", record->claim.unsettled,
				 "transitions", (json_int_t)record->claim.transitions);
	return json_pack("{si ss ss ss sI si si si sb so so}", "version", RECORD_VERSION, "state",
			 heartbeat_state_names[record->heartbeat.state], "id", record->heartbeat.id,
			 "session", session_format(record->heartbeat.session, session), "sequence",
			 (json_int_t)record->heartbeat.sequence, "slot",
			 (int)record->heartbeat.slot, "durationMs",
			 (int)record->heartbeat.duration_ms, "weight",
			 (int)record->heartbeat.weight, "unsettled", record->heartbeat.unsettled,
			 "groups", groups_to_json(record->heartbeat.groups), "own",
			 own_to_json(&record->heartbeat));
}

static bool session_parse(const char *text, uint64_t *ret_session)
{
	if (strlen(text) != SESSION_TEXT - 1 ||
	    strspn(text, "0123456789abcdef") != SESSION_TEXT - 1)
		return false;
	*ret_session = strtoull(text, NULL, 16);
	return true;
}

static bool name_copy(const char *from, char to[RECORD_NODE_MAX + 1])
{
	if (strlen(from) > RECORD_NODE_MAX)
		return false;
	node_name_copy(to, from);
	return true;
}

static bool claim_parse(json_t *json, struct claim_record *claim)
{
	const char *state, *holder, *session, *wish, *wish_session;
	json_int_t transitions;
	int moved, unsettled;

	if (json_unpack(json, "{s:s s:s s:s s:s s:s s:b s:b s:I}", "state", &state, "holder",
			&holder, "session", &session, "wish", &wish, "wishSession", &wish_session,
			"moved", &moved, "unsettled", &unsettled, "transitions", &transitions))
		return false;
	claim->moved = moved;
	claim->unsettled = unsettled;
	claim->transitions = transitions;
	/* an emptied holder alone, as by hand, is no release */
	return !strcmp(state, holder[0] ? "held" : "free") && name_copy(holder, claim->holder) &&
	       name_copy(wish, claim->wish) && session_parse(session, &claim->session) &&
	       session_parse(wish_session, &claim->wish_session) && transitions >= 0 &&
	       transitions <= RECORD_TRANSITIONS_MAX;
}

static bool groups_parse(const json_t *array, struct heartbeat *heartbeat)
{
	const json_t *group;
	size_t i;

	if (!json_is_array(array) || json_array_size(array) > RECORD_GROUPS_MAX)
		return false;
	json_array_foreach(array, i, group)
	{
		if (!json_is_string(group) ||
		    !session_parse(json_string_value(group), &heartbeat->groups[i]))
			return false;
	}
	return true;
}

static bool own_parse(const json_t *array, struct heartbeat *heartbeat)
{
	const json_t *own;
	size_t i;

	if (!json_is_array(array) || json_array_size(array) > RECORD_OWN_MAX)
		return false;
	json_array_foreach(array, i, own)
	{
		if (!json_is_string(own) ||
		    address_parse(json_string_value(own), &heartbeat->own[i]) < 0)
			return false;
	}
	heartbeat->own_count = json_array_size(array);
	return true;
}

static bool heartbeat_parse(json_t *json, struct heartbeat *heartbeat)
{
	const char *state, *id, *session;
	json_int_t sequence, slot, duration, weight;
	json_t *groups, *own;
	int unsettled;

	if (json_unpack(json, "{s:s s:s s:s s:I s:I s:I s:I s:b s:o s:o}", "state", &state, "id",
			&id, "session", &session, "sequence", &sequence, "slot", &slot,
			"durationMs", &duration, "weight", &weight, "unsettled", &unsettled,
			"groups", &groups, "own", &own))
		return false;
	while (heartbeat->state < HEARTBEAT_STATE_COUNT &&
	       strcmp(state, heartbeat_state_names[heartbeat->state]))
		heartbeat->state++;
	if (heartbeat->state == HEARTBEAT_STATE_COUNT || strlen(id) != RECORD_ID_DIGITS ||
	    sequence < 0 || sequence > RECORD_SEQUENCE_MAX || slot < 0 || slot > UINT8_MAX ||
	    duration < 1 || duration > RECORD_DURATION_MAX_MS || weight < 0 || weight > INT32_MAX)
		return false;
	memcpy(heartbeat->id, id, RECORD_ID_DIGITS);
	heartbeat->sequence = sequence;
	heartbeat->slot = slot;
	heartbeat->duration_ms = duration;
	heartbeat->weight = weight;
	heartbeat->unsettled = unsettled;
	return groups_parse(groups, heartbeat) && own_parse(own, heartbeat) &&
	       session_parse(session, &heartbeat->session);
}

void record_from_json(struct record *record, json_t *json)
{
	const json_t *version = json_object_get(json, "version");
	bool good;

	record->shape = RECORD_FOREIGN;
	if (json_integer_value(version) > RECORD_VERSION)
		record->shape = RECORD_NEWER;
	if (json_integer_value(version) != RECORD_VERSION)
		return;
	if (record->kind == RECORD_CLAIM) {
		record->claim = (struct claim_record){};
		good = claim_parse(json, &record->claim);
	} else {
		record->heartbeat = (struct heartbeat){};
		good = heartbeat_parse(json, &record->heartbeat);
	}
	if (good)
		record->shape = RECORD_GOOD;
}
