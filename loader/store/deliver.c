// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "deliver.h"
#include "skeletons.h"
#include "virtual_mac.h"

/* Priority 1 runs before other classifiers, which may end the classification; tcx programs run
 * before all of them (doctor_check_tcx_before()). The handle marks ours. */
#define DELIVER_PRIORITY 1
#define DELIVER_HANDLE	 0x4c32

static void cleanup_deliver(struct deliver_bpf **deliver)
{
	deliver_bpf__destroy(*deliver);
}

static struct bpf_tc_hook hook_of(const struct link *link)
{
	return (struct bpf_tc_hook){ .sz = sizeof(struct bpf_tc_hook),
				     .ifindex = link->ifindex,
				     .attach_point = BPF_TC_INGRESS };
}

/* Replaces an earlier program of ours. */
static int attach(const struct pins *pins, const struct link *link, struct err *err)
{
	_cleanup_(cleanup_deliver) struct deliver_bpf *deliver = deliver_bpf__open();
	struct bpf_tc_hook hook = hook_of(link);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = DELIVER_HANDLE, .priority = DELIVER_PRIORITY,
		    .flags = BPF_TC_F_REPLACE);
	int r = deliver ? bpf_map__reuse_fd(deliver->maps.filters, pins->maps.fd[MAPS_FILTERS])
			: negative_errno();

	if (!r)
		r = deliver_bpf__load(deliver);
	if (!r)
		r = bpf_tc_hook_create(&hook);
	if (!r || r == -EEXIST) {
		opts.prog_fd = bpf_program__fd(deliver->progs.l2resp_deliver);
		r = bpf_tc_attach(&hook, &opts);
	}
	return r < 0 ? err_set(err, r, "%s: attaching the tc program for virtual MACs: %s",
			       link->name, strerror(-r))
		     : 0;
}

/* Leaves the qdisc, since others may use it. */
static void detach(const struct link *link)
{
	struct bpf_tc_hook hook = hook_of(link);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = DELIVER_HANDLE, .priority = DELIVER_PRIORITY);

	bpf_tc_detach(&hook, &opts);
}

static bool is_attached(const struct link *link)
{
	struct bpf_tc_hook hook = hook_of(link);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = DELIVER_HANDLE, .priority = DELIVER_PRIORITY);

	return !bpf_tc_query(&hook, &opts);
}

static bool has_virtual(const struct mac_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (mac_is_virtual(list->macs[i]))
			return true;
	return false;
}

int deliver_sync(const struct pins *pins, const struct link *link, const struct mac_list *now,
		 const struct mac_list *before, struct err *err)
{
	bool had = has_virtual(before);

	/* attach again if there was none @before: the program may read a former map filters */
	if (has_virtual(now))
		return had && is_attached(link) ? 0 : attach(pins, link, err);
	if (had)
		detach(link);
	return 0;
}
