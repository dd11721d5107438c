/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This node's own addresses, which no other node may claim. */
#ifndef XDP_L2RESPD_OWN_ADDRESS_H
#define XDP_L2RESPD_OWN_ADDRESS_H

#include "address_list.h"
#include "links.h"
#include "local_address.h"
#include "policy.h"

/*
 * The addresses of its Node object and of interfaces with ARP, in ascending order. Excludes those
 * on lo and on interfaces without ARP, such as kube-proxy's kube-ipvs0, which have Services'
 * addresses on every node, and link-local and loopback ones. Returns RECORD_OWN_MAX at most, the
 * Node's first; *@ret_left_out is the number of the others. @local: sorted by address.
 */
struct address_list own_address_find(const struct policy_input *input,
				     const struct local_address_table *local, size_t *ret_left_out);

/* The addresses of the other Node objects, whether or not an agent runs on those nodes, in
 * ascending order without duplicates. */
struct address_list own_address_others(const struct policy_input *input);

/* The name of another node whose Node object has @address; NULL: there is none. */
const char *own_address_node(const struct policy_input *input, const struct address *address);

#endif
