/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written for other programs and does nothing here. It is named, with the page that says
 * what to write instead: who moves here from one of them would wait for an address for ever. */
#ifndef XDP_L2RESPD_FOREIGN_H
#define XDP_L2RESPD_FOREIGN_H

#include <jansson.h>

#include "field.h"

/* The page; each note of what is another program's names it. */
#define FOREIGN_PAGE "docs/migration.md"

/* Whose object of @api and @kind is, and what there is here instead; NULL: it isn't known. */
const char *foreign_kind(const char *api, const char *kind);

/* Notes those of a Service's @annotations (NULL: none) that do nothing here, though they are of a
 * group whose annotations would, or of another program's; @known, NULL-terminated, aren't. */
void foreign_annotations(const struct place *place, json_t *annotations, const char *const *known,
			 object_note_fn *note, void *data);

#endif
