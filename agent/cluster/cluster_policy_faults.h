/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The conditions of a CiliumL2AnnouncementPolicy that report its faults, as Cilium's operator does.
 */
#ifndef XDP_L2RESPD_CLUSTER_POLICY_FAULTS_H
#define XDP_L2RESPD_CLUSTER_POLICY_FAULTS_H

#include <jansson.h>

/* The conditions that the policy @object should have; NULL: it has them. The caller drops the
 * reference. */
json_t *cluster_policy_faults(const json_t *object);

#endif
