// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <bpf/bpf.h>

#include "cleanup.h"
#include "control.h"
#include "control_object.h"
#include "remover.h"

int remover_open(const int fds[PINS_FAMILIES], struct remover *ret_remover, struct err *err)
{
	_cleanup_(remover_close) struct remover remover = {};
	struct bpf_program *program;
	struct bpf_map *map;
	int r = control_open(&remover.control, err);

	if (r < 0)
		return r;
	bpf_object__for_each_program(program, remover.control->obj) bpf_program__set_autoload(
		program, program == remover.control->progs.control_remove);
	bpf_object__for_each_map(map, remover.control->obj)
		bpf_map__set_autocreate(map, bpf_map__is_internal(map) ||
						     map == remover.control->maps.responder_v4 ||
						     map == remover.control->maps.responder_v6);
	r = bpf_map__reuse_fd(remover.control->maps.responder_v4, fds[PINS_V4]);
	if (!r)
		r = bpf_map__reuse_fd(remover.control->maps.responder_v6, fds[PINS_V6]);
	if (!r)
		r = control_bpf__load(remover.control);
	if (r < 0)
		return err_set(err, r, "loading the program that removes addresses: %s",
			       strerror(-r));
	*ret_remover = remover;
	remover.control = NULL;
	return 0;
}

void remover_close(struct remover *remover)
{
	control_close(&remover->control);
}

int remover_remove(const struct remover *remover, const struct entry_key *key, struct err *err)
{
	struct control_key args = row_control_key(key);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));
	int r = bpf_prog_test_run_opts(bpf_program__fd(remover->control->progs.control_remove),
				       &opts);

	return r < 0 ? err_set(err, r, "removing an address: %s", strerror(-r)) : 0;
}

int remover_remove_table(const int fds[PINS_FAMILIES], const struct entry_table *table,
			 struct err *err)
{
	_cleanup_(remover_close) struct remover remover = {};
	int r = table->count ? remover_open(fds, &remover, err) : 0;

	for (size_t i = 0; i < table->count && !r; i++)
		r = remover_remove(&remover, &table->rows[i].key, err);
	return r;
}
