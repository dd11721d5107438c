/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects and annotations for other programs, which have no effect here. They are logged, with the
 * page that explains how to convert them, for users who migrate. */
#ifndef XDP_L2RESPD_FOREIGN_H
#define XDP_L2RESPD_FOREIGN_H

#include <jansson.h>

#include "field.h"

/* The page that each note about another program's objects names. */
#define FOREIGN_PAGE "docs/migration.md"

/* A text that says which program an object of @api and @kind belongs to, and what to use instead;
 * NULL: not known. */
const char *foreign_kind(const char *api, const char *kind);

/* Notes a Service's @annotations (NULL: none) that are ignored, of our groups or another program's.
 * Those in @known, NULL-terminated, are used. */
void foreign_annotations(const struct place *place, json_t *annotations, const char *const *known,
			 object_note_fn *note, void *data);

#endif
