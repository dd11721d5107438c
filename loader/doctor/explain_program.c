// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "alloc.h"
#include "cleanup.h"
#include "explain_program.h"
#include "object.h"

struct explain_program {
	struct l2resp_bpf *skeleton;
	unsigned int ifindex;
	uint32_t map_ids[MAPS_COUNT];
};

void explain_program_free(struct explain_program **program)
{
	if (*program)
		object_close(&(*program)->skeleton);
	free(*program);
	*program = NULL;
}

static void map_ids_of(const struct pins *pins, uint32_t map_ids[MAPS_COUNT])
{
	for (size_t i = 0; i < MAPS_COUNT; i++)
		map_ids[i] = maps_id(&pins->maps, i);
}

int explain_program_load(const struct pins *pins, const struct link *link,
			 struct explain_program **program, struct err *err)
{
	_cleanup_(explain_program_free) struct explain_program *loaded =
		xcalloc(1, sizeof(*loaded));
	struct maps uncounted = pins->maps;
	int r;

	loaded->ifindex = link->ifindex;
	map_ids_of(pins, loaded->map_ids);
	if (*program && (*program)->ifindex == loaded->ifindex &&
	    !memcmp((*program)->map_ids, loaded->map_ids, sizeof(loaded->map_ids)))
		return 0;

	/* the pinned counters identify an attached program, so don't use them here */
	uncounted.fd[MAPS_COUNTERS] = -1;
	r = object_open(&uncounted, link, L2RESP_COUNTERS_NONE, &loaded->skeleton, err);
	if (r < 0)
		return r;
	bpf_map__set_max_entries(loaded->skeleton->maps.counters, 1);
	/* besides xdp_l2resp, whose tag is compared with the attached program's */
	bpf_program__set_autoload(loaded->skeleton->progs.l2resp_explain, true);
	r = l2resp_bpf__load(loaded->skeleton);
	if (r < 0)
		return err_set(err, r, "%s: loading the program that explain runs: %s", link->name,
			       strerror(-r));
	explain_program_free(program);
	*program = loaded;
	loaded = NULL;
	return 0;
}

static bool info_of(int fd, struct bpf_prog_info *ret_info)
{
	uint32_t size = sizeof(*ret_info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, ret_info, &size);
}

bool explain_program_differs(const struct explain_program *program, uint32_t prog_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(prog_id);
	struct bpf_prog_info ours = {}, attached = {};

	return info_of(bpf_program__fd(program->skeleton->progs.xdp_l2resp), &ours) &&
	       info_of(fd, &attached) && memcmp(ours.tag, attached.tag, sizeof(ours.tag)) != 0;
}

int explain_program_run(const struct explain_program *program, const void *frame, size_t length,
			enum outcome *ret_outcome, void *out, size_t *length_out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = length,
		    .data_out = out, .data_size_out = *length_out, .repeat = 1);
	int r = bpf_prog_test_run_opts(bpf_program__fd(program->skeleton->progs.l2resp_explain),
				       &opts);

	if (r < 0)
		return r;
	*ret_outcome = opts.retval;
	*length_out = opts.data_size_out;
	return 0;
}
