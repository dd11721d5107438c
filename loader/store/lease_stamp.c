// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "boot_clock.h"
#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "control_object.h"
#include "lease_stamp.h"

#define NS_PER_S 1000000000ULL

/* Readings nearer to each other than this say too little of HZ: a tick may be 10 ms. */
#define READING_APART_NS (NS_PER_S / 4)

struct lease_stamper {
	struct control_bpf *control;
	uint64_t fresh_ns;
	uint32_t hz;	  /* at least so many jiffies a second */
	uint32_t jiffies; /* the last reading's */
	uint64_t read_ns; /* the boot clock before it */
};

static int jiffies_read(const struct lease_stamper *stamper, uint32_t *ret_jiffies)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int r = bpf_prog_test_run_opts(
		bpf_program__fd(stamper->control->progs.control_read_jiffies), &opts);

	if (!r)
		*ret_jiffies = opts.retval;
	return r;
}

/*
 * Kernels don't all tell HZ. Two readings of jiffies and boot clock bound it from below: at least
 * one tick less than were counted, in at most the time from before the one to after the other. A
 * suspend in between makes the bound lower, never wrong, so the highest of all bounds counts.
 */
static void hz_measure(struct lease_stamper *stamper)
{
	uint64_t before = clock_boot_ns(), apart;
	uint32_t jiffies = 0, bound;

	if (stamper->read_ns && before < stamper->read_ns + READING_APART_NS)
		return;
	if (jiffies_read(stamper, &jiffies) < 0)
		return;
	if (stamper->read_ns && jiffies != stamper->jiffies) {
		apart = clock_boot_ns() - stamper->read_ns;
		bound = (jiffies - stamper->jiffies - 1) * NS_PER_S / apart;
		if (bound > stamper->hz)
			stamper->hz = bound;
	}
	stamper->jiffies = jiffies;
	stamper->read_ns = before;
}

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

int lease_stamper_new(int leases_fd, uint64_t fresh_ns, struct lease_stamper **ret_stamper,
		      struct err *err)
{
	_cleanup_(cleanup_stamper) struct lease_stamper *stamper = calloc(1, sizeof(*stamper));
	struct bpf_program *program;
	struct bpf_map *map;
	int r = 0;

	if (!stamper)
		return err_set(err, -ENOMEM, "out of memory");
	stamper->fresh_ns = fresh_ns;
	r = boot_clock_check(err);
	if (r < 0)
		return r;
	r = control_open(&stamper->control, err);
	if (r < 0)
		return r;
	bpf_object__for_each_program(program, stamper->control->obj)
		bpf_program__set_autoload(program, false);
	bpf_program__set_autoload(stamper->control->progs.control_set_stamp, true);
	bpf_program__set_autoload(stamper->control->progs.control_read_jiffies, true);
	/* the other maps aren't held: they may grow, and the old ones are to go then */
	bpf_object__for_each_map(map,
				 stamper->control->obj) if (map != stamper->control->maps.leases &&
							    !bpf_map__is_internal(map))
		bpf_map__set_autocreate(map, false);
	r = bpf_map__reuse_fd(stamper->control->maps.leases, leases_fd);
	if (!r)
		r = control_bpf__load(stamper->control);
	if (r < 0)
		return err_set(err, r, "loading the program that writes stamps: %s", strerror(-r));
	hz_measure(stamper);
	*ret_stamper = stamper;
	stamper = NULL;
	return 0;
}

int lease_stamp_write(struct lease_stamper *stamper, uint8_t slot, uint64_t deadline_ns,
		      struct err *err)
{
	struct control_set_stamp args = {
		.slot = slot,
		.deadline_ns = deadline_ns,
		.fresh_ns = stamper->fresh_ns,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));
	int r;

	if (slot == L2RESP_LEASE_FOREVER)
		return err_set(err, -EINVAL, "lease slot 0 has no stamp");
	hz_measure(stamper);
	args.hz = stamper->hz;
	r = bpf_prog_test_run_opts(bpf_program__fd(stamper->control->progs.control_set_stamp),
				   &opts);
	if (r < 0)
		return err_set(err, r, "stamping lease slot %u: %s", slot, strerror(-r));
	if (opts.retval == CONTROL_PAST)
		return err_set(err, -ETIME, "lease slot %u: its stamp would be past already", slot);
	if (opts.retval != CONTROL_DONE)
		return err_set(err, -EINVAL, "there is no lease slot %u", slot);
	return 0;
}

uint64_t lease_stamp_read(int leases_fd, uint8_t slot)
{
	struct lease_stamp stamp;
	uint32_t key = slot;

	if (bpf_map_lookup_elem(leases_fd, &key, &stamp) < 0)
		return 0;
	return stamp.deadline_ns;
}
