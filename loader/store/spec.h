/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "ADDR|CIDR|FIRST-LAST dev IFACE [mac MAC] [override off]": one per line in an imported file;
 * `add` takes it on the command line, with several addresses before "dev". */
#ifndef XDP_L2RESP_SPEC_H
#define XDP_L2RESP_SPEC_H

#include <stdbool.h>

#include "addr.h"
#include "entry.h"
#include "err.h"
#include "link.h"

/* One parsed specification; the interface isn't looked up yet. */
struct spec {
	struct addr_range range;
	const char *dev; /* one of the words */
	bool mac_fixed;
	bool no_override;
	uint8_t mac[ETH_ALEN];
};

#define SPEC_WORDS     "ADDR|CIDR|FIRST-LAST dev IFACE [mac MAC] [override off]"
#define SPEC_MAX_WORDS 7

/*
 * Returns 0; -EINVAL with @err: a syntax error; -ERANGE or -EADDRNOTAVAIL with @err: a well-formed
 * specification that is refused (addr_range_parse(), mac_parse()).
 */
int spec_parse(int count, char **words, struct spec *ret_spec, struct err *err);

/* The addresses of one or more specifications. */
struct spec_list {
	struct entry_wanted *wanted;
	size_t count;
	size_t capacity;
};

void spec_list_free(struct spec_list *list);

/*
 * Appends every address of @spec on @link, with @spec's MAC or following @link's. @line: in the
 * file, or 0. -ENOSPC with @err: @spec has more than @room addresses, or the list would have more
 * than two maps of @room hold, without repetitions. That only bounds the memory; entry_add() checks
 * the free room. -EEXIST as entry_unrepeat().
 */
int spec_list_append(struct spec_list *list, const struct spec *spec, const struct link *link,
		     uint32_t line, size_t room, struct err *err);

#endif
