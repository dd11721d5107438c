/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records as Lease objects of Kubernetes: names, labels, contents. */
#ifndef XDP_L2RESP_RECORD_LEASE_H
#define XDP_L2RESP_RECORD_LEASE_H

#include <jansson.h>

#include "record.h"

#define RECORD_NODE_PREFIX "l2resp-node-"
#define RECORD_NAME_MAX	   253 /* of an object: a DNS subdomain's (RFC 1123) */

/* A heartbeat's node, as in record_node_label(). */
#define RECORD_LABEL_HASH "xdp-l2resp.io/node-hash"
/* Whom a record is for: RECORD_PART_ALL, or a renewal that node and those that watch it. */
#define RECORD_LABEL_PART "xdp-l2resp.io/part"
#define RECORD_PART_ALL	  "all"
#define RECORD_LABEL_SIZE 17
/* For people: of a claim, with its holder as the node, and of a heartbeat. */
#define RECORD_LABEL_NODE      "xdp-l2resp.io/node"
#define RECORD_LABEL_ADDRESS   "xdp-l2resp.io/address"
#define RECORD_LABEL_NAMESPACE "xdp-l2resp.io/namespace"
#define RECORD_LABEL_SERVICE   "xdp-l2resp.io/service"

/* What stands for @node in labels, whose values are shorter than names may be. */
void record_node_label(const char *node, char label[RECORD_LABEL_SIZE]);

/* Kind, address and node of the record that has the Lease called @name. False: it is none of ours.
 */
bool record_name_parse(const char *name, struct record *record);
void record_name_format(const struct record *record, char name[RECORD_NAME_MAX + 1]);

/* What is written for @record, over what is there or in a new object. */
json_t *record_to_lease(const struct record *record, const char *name, uint32_t duration_s);
/* What a DELETE says: that the object must be the one that is meant. */
json_t *record_delete_body(const struct record *record);
/* Shape and contents of @record, whose kind is set, from a Lease. */
void record_from_lease(const json_t *lease, struct record *record);

#endif
