// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "alloc.h"
#include "metadata.h"

int metadata_parse(const struct place *place, const json_t *object, json_t **ret_metadata,
		   char **ret_name, bool (*valid)(const char *text), struct err *err)
{
	const char *name = "";
	int r = field_get(place, object, "metadata", FIELD_OBJECT, ret_metadata, err);

	if (r > 0)
		r = field_string(place, *ret_metadata, "name", &name, err);
	if (r < 0)
		return r;
	if (!*name)
		return place_err(err, -EINVAL, place, object, "metadata",
				 "metadata.name is missing");
	if (!valid(name))
		return place_err(err, -EINVAL, place, *ret_metadata, "name",
				 "'%s' can't be the name of such an object", name);
	*ret_name = xstrdup(name);
	return 0;
}
