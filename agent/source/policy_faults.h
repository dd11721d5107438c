/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The conditions of a CiliumL2AnnouncementPolicy, which say what of it is wrong, as Cilium's. */
#ifndef XDP_L2RESPD_POLICY_FAULTS_H
#define XDP_L2RESPD_POLICY_FAULTS_H

#include <jansson.h>

/* The conditions that policy @object should have; NULL: those that it has. The caller drops the
 * reference. */
json_t *policy_faults(const json_t *object);

#endif
