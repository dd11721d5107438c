/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses that this node has as its own: no other node may claim one. */
#ifndef XDP_L2RESPD_OWN_ADDRESS_H
#define XDP_L2RESPD_OWN_ADDRESS_H

#include "address_list.h"
#include "links.h"
#include "local_address.h"
#include "policy.h"

/*
 * Those of its Node object, and those on devices with ARP, in ascending order. Not what is on lo or
 * on devices without ARP, as kube-proxy's kube-ipvs0: there each node has the Services'. Nor what
 * is of one link or host alone. Of more than LEASE_OWN_MAX the others are left out, the Node's
 * last; *ret_left_out is their number. @local: by address, as struct kernel_view has them.
 */
struct address_list own_address_find(const struct policy_input *input,
				     const struct local_address_table *local, size_t *ret_left_out);

/* Those of the other nodes' objects, whether an agent runs there or not, in ascending order and
 * nothing twice. */
struct address_list own_address_others(const struct policy_input *input);

/* A node that has @address by its object, another one than this; NULL: there is none. */
const char *own_address_node(const struct policy_input *input, const struct address *address);

#endif
