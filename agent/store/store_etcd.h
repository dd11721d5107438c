/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store in etcd: its v3 API as JSON over HTTP (/v3/kv/txn, /v3/kv/range, /v3/watch). */
#ifndef XDP_L2RESP_STORE_ETCD_H
#define XDP_L2RESP_STORE_ETCD_H

#include "store.h"

/*
 * Begins to follow the records below /xdp-l2resp/ at the endpoints of @config. A request is given
 * up after @timeout_ns, and the next endpoint tried. -EINVAL with @err for what is no endpoint, and
 * the errors of http_new().
 */
int store_etcd_new(sd_event *event, const struct lease_config *config, uint64_t timeout_ns,
		   const struct store_events *events, void *userdata, struct store **ret_store,
		   struct err *err);

#endif
