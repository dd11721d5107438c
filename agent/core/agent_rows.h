/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services with their addresses, a JSON object each, written in parts of bounded length. */
#ifndef XDP_L2RESPD_AGENT_ROWS_H
#define XDP_L2RESPD_AGENT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <jansson.h>

#include "addr.h"
#include "lease.h"
#include "lease_thread.h"
#include "service.h"

/* Most Services, and most addresses, of a part. */
#define ROWS_PART 64

/* The Services are referenced, from @next on: between two parts the manifests may change, and pools
 * may take addresses from a Service. */
struct rows {
	struct service **services;
	size_t count;
	size_t next, at; /* the next Service, and the next of its addresses */
	bool any;	 /* a row was written */
};

/* References @services, and copies the array. */
void rows_init(struct rows *rows, const struct service *const *services, size_t count);
void rows_free(struct rows *rows);

struct rows_part {
	struct address addresses[ROWS_PART];
	struct lease_info infos[ROWS_PART];
	size_t count;
};

/* The addresses of the next part. */
void rows_gather(const struct rows *rows, struct lease_thread *thread, struct rows_part *ret_part);

struct rows_writer {
	/* The members of @service's row besides its addresses; NULL: it has no row. */
	json_t *(*begin)(const struct service *service, void *userdata);
	/* Writes the object of one address. @field: the member of the Service that has it. */
	void (*address)(const struct address *address, const struct lease_info *info,
			const char *field, FILE *out, void *userdata);
};

/* Writes @part. False: there is no other. */
bool rows_write(struct rows *rows, const struct rows_part *part, const struct rows_writer *writer,
		FILE *out, void *userdata);

#endif
