/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_LEASE_NAME_H
#define XDP_L2RESP_LEASE_NAME_H

#include <stdio.h>

#include "addr.h"

/* Names of the claims on addresses: DNS labels, as Kubernetes requires for a Lease. */
#define LEASE_NAME_PREFIX "l2resp-"
#define LEASE_NAME_SIZE	  (sizeof(LEASE_NAME_PREFIX) + 2 * sizeof(struct address))

/* Writes the prefix and the address's 8 or 32 hex digits to @text and returns it. */
static inline char *lease_name_format(const struct address *address, char text[LEASE_NAME_SIZE])
{
	char *at = text + sprintf(text, LEASE_NAME_PREFIX);

	for (size_t i = address_is_v4(address) ? ADDRESS_V4_OFFSET : 0; i < sizeof(address->bytes);
	     i++)
		at += sprintf(at, "%02x", address->bytes[i]);
	return text;
}

#endif
