/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A responder of other make, to compare ours with: written byte by byte from RFC 826, 1122, 4291,
 * 4443, 4861, 5227 and the outcomes' own words. It shares the list of outcomes with the data path,
 * and nothing else.
 */
#ifndef XDP_L2RESP_TESTS_REFERENCE_H
#define XDP_L2RESP_TESTS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outcomes.h"

struct reference_address {
	uint8_t ip[16]; /* IPv4: mapped */
	uint32_t device;
	uint8_t mac[6];
	bool no_override;
	bool lapsed;
};

struct reference_vlan {
	uint32_t parent;
	uint16_t protocol; /* host byte order, as the others */
	uint16_t vid;
	uint32_t device;
};

#define REFERENCE_ADDRESSES 32
#define REFERENCE_VLANS	    4

/* What a responder has been told. */
struct reference {
	uint32_t device; /* that it listens on */
	size_t addresses;
	struct reference_address address[REFERENCE_ADDRESSES];
	size_t vlans;
	struct reference_vlan vlan[REFERENCE_VLANS];
};

struct reference_result {
	enum outcome outcome; /* OUTCOME_COUNT: none of ours */
	bool sha_mismatch;
	const struct reference_address *answered; /* NULL: silence */
	const struct reference_address *conflict; /* another host uses it: */
	uint8_t conflict_mac[6];
};

/* What is to become of the frame: turns it into the reply, or leaves it as it is. @behind: more
 * bytes, behind @length, that lie in fragments. */
struct reference_result reference_respond(const struct reference *told, uint8_t *frame,
					  size_t length, size_t behind);

#endif
