// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "interval.h"
#include "pool.h"

#define ANNOTATION_ASSIGN   "xdp-l2resp.io/auto-assign"
#define ANNOTATION_PRIORITY "xdp-l2resp.io/priority"
#define PRIORITY_MAX	    1000000
/* Bounded because each block is compared with each other one. */
#define BLOCKS_MAX 1000

struct pool *pool_ref(struct pool *pool)
{
	pool->references++;
	return pool;
}

void pool_unref(struct pool *pool)
{
	if (!pool || --pool->references)
		return;
	selector_free(&pool->services);
	free(pool->blocks);
	free(pool->created);
	free(pool->name);
	free(pool);
}

static void pool_drop(struct pool **pool)
{
	pool_unref(*pool);
}

/* Sets the host bits of @cidr to zero: Cilium accepts 10.0.10.7/24 as 10.0.10.0/24, which
 * addr_range_parse() rejects. Text that is no prefix is kept, so that it is rejected there. */
static void mask(const char *cidr, char *ret_text, size_t size)
{
	const char *slash = strchr(cidr, '/');
	int family = strchr(cidr, ':') ? AF_INET6 : AF_INET;
	unsigned int bits = family == AF_INET6 ? 128 : 32;
	char text[INET6_ADDRSTRLEN];
	unsigned long length = slash ? strtoul(slash + 1, NULL, 10) : 0;
	uint8_t bytes[16];

	snprintf(ret_text, size, "%s", cidr);
	snprintf(text, sizeof(text), "%.*s", slash ? (int)(slash - cidr) : 0, cidr);
	if (inet_pton(family, text, bytes) != 1)
		return;
	for (unsigned long bit = length; bit < bits; bit++)
		bytes[bit / 8] &= ~(0x80 >> bit % 8);
	inet_ntop(family, bytes, text, sizeof(text));
	snprintf(ret_text, size, "%s%s", text, slash);
}

/* Reserves the first and the last address of a prefix that has more than two. */
static void reserve_ends(struct pool_block *block)
{
	if (addr_range_size(&block->range) <= 2)
		return;
	address_increment(&block->usable.first);
	for (int i = sizeof(block->usable.last.bytes) - 1; i >= 0 && !block->usable.last.bytes[i]--;
	     i--)
		;
}

static int parse_block(const struct place *place, const json_t *object, bool reserved,
		       struct pool *pool, struct err *err)
{
	static const char *const known[] = { "cidr", "start", "stop", NULL };
	const char *cidr = "", *start = "", *stop = "", *key;
	char text[2 * INET6_ADDRSTRLEN + 2];
	struct pool_block block;
	struct err why;
	int r = field_known(place, object, "a block", known, err);

	if (!r)
		r = field_string(place, object, "cidr", &cidr, err);
	if (r >= 0)
		r = field_string(place, object, "start", &start, err);
	if (r >= 0)
		r = field_string(place, object, "stop", &stop, err);
	if (r < 0)
		return r;
	key = *cidr ? "cidr" : "start";
	if (*cidr)
		mask(cidr, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s%s%s", start, *stop ? "-" : "", stop);
	if (!*text || (*cidr && !strchr(cidr, '/')))
		return place_err(err, -EINVAL, place, object, key,
				 "a block needs a cidr, ADDRESS/LENGTH, or a start and a stop");
	r = addr_range_parse(text, &block.range, &why);
	if (r < 0)
		return place_err(err, r, place, object, key, "blocks: %s", why.text);
	block.usable = block.range;
	if (*cidr && reserved)
		reserve_ends(&block);
	pool->blocks[pool->count++] = block;
	return 0;
}

static int parse_blocks(const struct place *place, const json_t *spec, struct pool *pool,
			struct err *err)
{
	const char *allow = "Yes";
	json_t *blocks = NULL, *item;
	size_t i;
	int r = field_string(place, spec, "allowFirstLastIPs", &allow, err);

	if (r >= 0 && strcmp(allow, "Yes") != 0 && strcmp(allow, "No") != 0)
		return place_err(err, -EINVAL, place, spec, "allowFirstLastIPs",
				 "allowFirstLastIPs must be \"Yes\" or \"No\", not \"%s\"", allow);
	if (r >= 0)
		r = field_objects(place, spec, "blocks", &blocks, err);
	if (r < 0)
		return r;
	if (json_array_size(blocks) > BLOCKS_MAX)
		return place_err(err, -EINVAL, place, spec, "blocks", "more than %d blocks",
				 BLOCKS_MAX);
	pool->blocks = xcalloc(json_array_size(blocks), sizeof(*pool->blocks));
	json_array_foreach(blocks, i, item)
	{
		r = parse_block(place, item, !strcmp(allow, "No"), pool, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Options for which Cilium's pools have no field. */
static int parse_annotations(const struct place *place, const json_t *metadata, struct pool *pool,
			     struct err *err)
{
	const char *assign = "true", *priority = NULL;
	json_t *annotations = NULL;
	unsigned long number;
	char *end;
	int r = field_get(place, metadata, "annotations", FIELD_OBJECT, &annotations, err);

	if (r >= 0)
		r = field_string(place, annotations, ANNOTATION_ASSIGN, &assign, err);
	if (r >= 0)
		r = field_string(place, annotations, ANNOTATION_PRIORITY, &priority, err);
	if (r < 0)
		return r;
	pool->named_only = !strcmp(assign, "false");
	pool->priority = UINT32_MAX;
	if (!pool->named_only && strcmp(assign, "true") != 0)
		return place_err(err, -EINVAL, place, annotations, ANNOTATION_ASSIGN,
				 ANNOTATION_ASSIGN " takes one of \"true\", \"false\"");
	if (!priority)
		return 0;
	number = strtoul(priority, &end, 10);
	if (*end || !isdigit((unsigned char)*priority) || number > PRIORITY_MAX)
		return place_err(err, -EINVAL, place, annotations, ANNOTATION_PRIORITY,
				 ANNOTATION_PRIORITY " takes a number from 0 to %d, the lesser "
						     "first",
				 PRIORITY_MAX);
	pool->priority = number;
	return 0;
}

int pool_parse(const struct place *place, const json_t *object, const char *name,
	       struct pool **ret_pool, struct err *err)
{
	/* a misspelt selector would select everything */
	static const char *const known[] = { "blocks", "serviceSelector", "disabled",
					     "allowFirstLastIPs", NULL };
	_cleanup_(pool_drop) struct pool *pool = xcalloc(1, sizeof(*pool));
	json_t *metadata = NULL, *spec = NULL;
	const char *created = "";
	int r;

	pool->references = 1;
	r = field_get(place, object, "metadata", FIELD_OBJECT, &metadata, err);
	if (r >= 0)
		r = field_string(place, metadata, "creationTimestamp", &created, err);
	if (r >= 0)
		r = parse_annotations(place, metadata, pool, err);
	if (r >= 0)
		r = field_get(place, object, "spec", FIELD_OBJECT, &spec, err);
	if (r > 0)
		r = field_known(place, spec, "a pool's spec", known, err);
	if (r >= 0)
		r = selector_parse(place, spec, "serviceSelector", &pool->services, err);
	if (r >= 0)
		r = field_boolean(place, spec, "disabled", &pool->disabled, err);
	if (r >= 0)
		r = parse_blocks(place, spec, pool, err);
	if (r < 0)
		return r;
	pool->name = xstrdup(name);
	pool->created = xstrdup(created);
	*ret_pool = TAKE_PTR(pool);
	return 0;
}

int pool_compare(const struct pool *a, const struct pool *b)
{
	int order = strcmp(a->created, b->created);

	return order ? order : strcmp(a->name, b->name);
}

const struct pool_block *pool_find(const struct pool *pool, const struct address *address)
{
	for (size_t i = 0; i < pool->count; i++)
		if (range_has(&pool->blocks[i].range, address))
			return &pool->blocks[i];
	return NULL;
}

static unsigned __int128 number(const struct address *address)
{
	unsigned __int128 number = 0;

	for (size_t i = 0; i < sizeof(address->bytes); i++)
		number = number << 8 | address->bytes[i];
	return number;
}

unsigned __int128 pool_size(const struct pool *pool)
{
	unsigned __int128 size = 0;

	for (size_t i = 0; i < pool->count; i++) {
		const struct addr_range *usable = &pool->blocks[i].usable;

		size += number(&usable->last) - number(&usable->first) + 1;
	}
	return size;
}

bool pool_overlaps(const struct pool *pool, const struct pool *other,
		   const struct pool_block **ret_block, const struct pool_block **ret_other)
{
	for (size_t i = 0; i < pool->count; i++)
		for (size_t j = 0; j < other->count; j++) {
			if (&pool->blocks[i] == &other->blocks[j] ||
			    !ranges_overlap(&pool->blocks[i].range, &other->blocks[j].range))
				continue;
			*ret_block = &pool->blocks[i];
			*ret_other = &other->blocks[j];
			return true;
		}
	return false;
}
