// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "agent_rows.h"
#include "alloc.h"
#include "json.h"

void rows_init(struct rows *rows, const struct service *const *services, size_t count)
{
	*rows = (struct rows){ .services = xcalloc(count + 1, sizeof(*services)), .count = count };
	for (size_t i = 0; i < count; i++)
		rows->services[i] = service_ref((struct service *)services[i]);
}

void rows_free(struct rows *rows)
{
	for (size_t i = rows->next; i < rows->count; i++)
		service_unref(rows->services[i]);
	free(rows->services);
}

static const struct address *address_at(const struct service *service, size_t at)
{
	return at < service->external.count
		       ? &service->external.list[at]
		       : &service->load_balancer.list[at - service->external.count];
}

static void note_info(size_t at, const struct lease_info *info, void *part)
{
	((struct rows_part *)part)->infos[at] = *info;
}

void rows_gather(const struct rows *rows, struct lease_thread *thread, struct rows_part *ret_part)
{
	size_t at = rows->at, count = 0;

	for (size_t s = rows->next; s < rows->count && s - rows->next < ROWS_PART; s++, at = 0) {
		const struct service *service = rows->services[s];

		for (; at < service_address_count(service) && count < ROWS_PART; at++)
			ret_part->addresses[count++] = *address_at(service, at);
	}
	ret_part->count = count;
	lease_thread_find(thread, ret_part->addresses, count, note_info, ret_part);
}

/* False: the Service has no row. */
static bool begin_row(struct rows *rows, const struct rows_writer *writer, FILE *out,
		      void *userdata)
{
	_cleanup_json_ json_t *head = writer->begin(rows->services[rows->next], userdata);

	if (!head)
		return false;
	if (rows->any)
		fputs(", ", out);
	rows->any = true;
	json_write_open(head, "addresses", out);
	return true;
}

/* The gathered addresses end where a part of a Service does, or between two of them. */
bool rows_write(struct rows *rows, const struct rows_part *part, const struct rows_writer *writer,
		FILE *out, void *userdata)
{
	size_t i = 0;

	for (size_t visited = 0; rows->next < rows->count && visited < ROWS_PART; visited++) {
		struct service *service = rows->services[rows->next];
		const size_t count = service_address_count(service);

		if (rows->at < count && i == part->count)
			return true;
		if (rows->at || begin_row(rows, writer, out, userdata)) {
			for (; rows->at < count && i < part->count; rows->at++, i++) {
				fputs(rows->at ? ", " : "", out);
				writer->address(&part->addresses[i], &part->infos[i],
						rows->at < service->external.count ? "externalIPs"
										   : "loadBalancer",
						out, userdata);
			}
			if (rows->at < count)
				return true;
			fputs("]}", out);
		}
		service_unref(service);
		rows->next++;
		rows->at = 0;
	}
	return rows->next < rows->count;
}
