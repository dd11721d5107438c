// SPDX-License-Identifier: GPL-2.0-or-later
#include "reason.h"

static const struct {
	const char *name, *sentence;
	enum reason_level level;
	enum reason_log log;
} reasons[REASON_COUNT] = {
#define REASON_ROW(id, name, level, log, sentence) \
	[REASON_##id] = { #name, sentence, REASON_##level, REASON_##log },
	REASONS(REASON_ROW)
#undef REASON_ROW
};

const char *reason_name(enum reason reason)
{
	return reasons[reason].name;
}

const char *reason_sentence(enum reason reason)
{
	return reasons[reason].sentence;
}

enum reason_level reason_level(enum reason reason)
{
	return reasons[reason].level;
}

bool reason_logged(enum reason reason)
{
	return reasons[reason].log == REASON_LOGGED;
}

void why_set(struct why *why, enum reason reason)
{
	why->reason = reason;
	err_write(&why->text, "%s", reason ? reasons[reason].sentence : "");
}
