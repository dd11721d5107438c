// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "alloc.h"
#include "cleanup.h"
#include "map.h"

/* Small enough for a batch to stay in the CPU's cache. */
#define BATCH ((size_t)1024)

int map_visit_some(int fd, const char *name, struct map_cursor *cursor, map_visit_fn *visit,
		   void *data, struct err *err)
{
	_cleanup_free_ char *keys = NULL;
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info), count = BATCH;
	int r = bpf_obj_get_info_by_fd(fd, &info, &size), stop = 0;
	char *values = NULL;

	if (!r) {
		keys = xcalloc(BATCH, info.key_size + info.value_size);
		values = keys + BATCH * info.key_size;
		r = bpf_map_lookup_batch(fd, cursor->begun ? &cursor->at : NULL, &cursor->at, keys,
					 values, &count, NULL);
	}
	if (r < 0 && r != -ENOENT)
		return err_set(err, r, "reading %s: %s", name, strerror(-r));
	cursor->begun = true;
	cursor->ended = r == -ENOENT;
	for (size_t i = 0; i < count && !stop; i++)
		stop = visit(keys + i * info.key_size, values + i * info.value_size, data, err);
	return stop;
}

int map_visit(int fd, const char *name, map_visit_fn *visit, void *data, struct err *err)
{
	struct map_cursor cursor = {};
	int stop = 0;

	while (!stop && !cursor.ended)
		stop = map_visit_some(fd, name, &cursor, visit, data, err);
	return stop;
}
