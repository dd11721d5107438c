// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "alloc.h"
#include "boot_clock.h"
#include "cleanup.h"
#include "control.h"
#include "control_object.h"
#include "lease_stamp.h"

struct lease_stamper {
	struct control_bpf *control;
	uint64_t duration_ns;
};

void lease_stamper_free(struct lease_stamper *stamper)
{
	if (!stamper)
		return;
	control_bpf__destroy(stamper->control);
	free(stamper);
}

static void cleanup_stamper(struct lease_stamper **stamper)
{
	lease_stamper_free(*stamper);
}

int lease_stamper_new(int leases_fd, uint64_t duration_ns, struct lease_stamper **ret_stamper,
		      struct err *err)
{
	_cleanup_(cleanup_stamper) struct lease_stamper *stamper = xcalloc(1, sizeof(*stamper));
	struct bpf_program *program;
	struct bpf_map *map;
	int r = 0;

	stamper->duration_ns = duration_ns;
	r = boot_clock_check(err);
	if (r < 0)
		return r;
	r = control_open(&stamper->control, err);
	if (r < 0)
		return r;
	bpf_object__for_each_program(program, stamper->control->obj)
		bpf_program__set_autoload(program, false);
	bpf_program__set_autoload(stamper->control->progs.control_set_stamp, true);
	/* don't hold other maps open: old ones must be freed when they are replaced */
	bpf_object__for_each_map(map,
				 stamper->control->obj) if (map != stamper->control->maps.leases &&
							    !bpf_map__is_internal(map))
		bpf_map__set_autocreate(map, false);
	r = bpf_map__reuse_fd(stamper->control->maps.leases, leases_fd);
	if (!r)
		r = control_bpf__load(stamper->control);
	if (r < 0)
		return err_set(err, r, "loading the program that writes stamps: %s", strerror(-r));
	*ret_stamper = TAKE_PTR(stamper);
	return 0;
}

int lease_stamp_write(struct lease_stamper *stamper, uint8_t slot, uint64_t deadline_ns,
		      struct err *err)
{
	struct control_set_stamp args = {
		.slot = slot,
		.deadline_ns = deadline_ns,
		.duration_ns = stamper->duration_ns,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));
	int r;

	if (slot == L2RESP_LEASE_FOREVER)
		return err_set(err, -EINVAL, "lease slot 0 has no stamp");
	r = bpf_prog_test_run_opts(bpf_program__fd(stamper->control->progs.control_set_stamp),
				   &opts);
	if (r < 0)
		return err_set(err, r, "stamping lease slot %u: %s", slot, strerror(-r));
	switch (opts.retval) {
	case CONTROL_DONE:
		return 0;
	case CONTROL_PAST:
		return err_set(err, -ETIME, "lease slot %u: its stamp would be past already", slot);
	case CONTROL_FAR:
		return err_set(err, -ERANGE,
			       "lease slot %u: its stamp would be further ahead than a lease lasts",
			       slot);
	default:
		return err_set(err, -EINVAL, "there is no lease slot %u", slot);
	}
}

int lease_stamp_read(int leases_fd, uint8_t slot, uint64_t *ret_deadline_ns, struct err *err)
{
	struct lease_stamp stamp;
	uint32_t key = slot;

	if (bpf_map_lookup_elem(leases_fd, &key, &stamp) < 0)
		return err_set(err, negative_errno(), "reading lease slot %u: %s", slot,
			       strerror(errno));
	*ret_deadline_ns = stamp.deadline_ns;
	return 0;
}
