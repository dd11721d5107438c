// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "announce_options.h"
#include "selector_text.h"

const char *const conflict_answer_names[] = {
	[CONFLICT_DEFEND] = "defend",
	[CONFLICT_YIELD] = "yield",
};

static const char *const mac_choice_names[] = {
	[MAC_INTERFACE] = "interface",
	[MAC_VIRTUAL] = "virtual",
};

void announce_options_free(struct announce_options *options)
{
	selector_free(&options->preferred_nodes);
	*options = (struct announce_options){};
}

/* Parses annotation @key, which must be @names[1] or [2]; *@ret_choice is the index. */
static int parse_choice(const struct place *place, const json_t *annotations, const char *key,
			const char *const names[3], unsigned int *ret_choice, struct err *err)
{
	const char *text = NULL;
	int r = field_string(place, annotations, key, &text, err);

	if (r <= 0)
		return r;
	for (unsigned int choice = 1; choice < 3; choice++)
		if (!strcmp(text, names[choice])) {
			*ret_choice = choice;
			return 0;
		}
	return place_err(err, -EINVAL, place, annotations, key, "%s takes one of %s, %s", key,
			 names[1], names[2]);
}

/* FNV-1a. Never 0. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
	return hash ?: 1;
}

static int parse_preferred(const struct place *place, const json_t *annotations,
			   object_note_fn *note, void *data, struct announce_options *options,
			   struct err *err)
{
	const char *text = "";
	struct err why, line;
	int r = field_string(place, annotations, ANNOTATION_PREFERRED_NODES, &text, err);

	if (r < 0)
		return r;
	if (selector_parse_text(ANNOTATION_PREFERRED_NODES, text, &options->preferred_nodes, &why) <
	    0) {
		place_err_write(&line, place, annotations, ANNOTATION_PREFERRED_NODES, why.text);
		note(line.text, data);
	} else if (options->preferred_nodes.count) {
		options->preference = hash_of(text);
	}
	return 0;
}

int announce_options_parse(const struct place *place, const json_t *metadata, object_note_fn *note,
			   void *data, struct announce_options *options, struct err *err)
{
	unsigned int conflict = CONFLICT_UNSET, mac = MAC_UNSET;
	json_t *annotations = NULL;
	int r = field_get(place, metadata, "annotations", FIELD_OBJECT, &annotations, err);

	if (r >= 0)
		r = parse_choice(place, annotations, ANNOTATION_CONFLICT, conflict_answer_names,
				 &conflict, err);
	if (r >= 0)
		r = parse_choice(place, annotations, ANNOTATION_MAC, mac_choice_names, &mac, err);
	options->conflict = conflict;
	options->mac = mac;
	return r < 0 ? r : parse_preferred(place, annotations, note, data, options, err);
}
