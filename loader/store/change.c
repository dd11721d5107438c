// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>

#include "change.h"
#include "cleanup.h"
#include "control.h"
#include "control_object.h"

/* Loads the programs that change entries in place, over the pinned maps. */
static int control_load(const struct pins *pins, struct control_bpf **ret_control, struct err *err)
{
	_cleanup_(control_close) struct control_bpf *control = NULL;
	int r = control_open(&control, err);

	if (r < 0)
		return r;
	for (enum maps_index map = 0; map < MAPS_COUNT && !r; map++)
		r = bpf_map__reuse_fd(bpf_object__find_map_by_name(control->obj, maps_name(map)),
				      pins->maps.fd[map]);
	if (!r)
		r = control_bpf__load(control);
	if (r < 0)
		return err_set(err, r, "loading the program that changes entries in place: %s",
			       strerror(-r));
	*ret_control = TAKE_PTR(control);
	return 0;
}

/* Writes the heads in @table to its entries and keeps their counts. Skips entries that were deleted
 * meanwhile. */
static int set_heads(const struct pins *pins, const struct entry_table *table, struct err *err)
{
	_cleanup_(control_close) struct control_bpf *control = NULL;
	int r = table->count ? control_load(pins, &control, err) : 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < table->count; i++) {
		struct control_set_head args = { .key = row_control_key(&table->rows[i].key),
						 .head = table->rows[i].head };
		LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

		r = bpf_prog_test_run_opts(bpf_program__fd(control->progs.control_set_head), &opts);
		if (r < 0)
			return err_set(err, r, "changing an entry in place: %s", strerror(-r));
	}
	return 0;
}

int change_follow_mac(const struct pins *pins, uint32_t ifindex, const uint8_t mac[ETH_ALEN],
		      struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	size_t kept = 0;
	int r = responder_read_all(pins_responders(pins), ifindex, &table, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < table.count; i++) {
		struct entry_row row = table.rows[i];

		if (row.head.lease != L2RESP_LEASE_FOREVER || (row.head.flags & ENTRY_MAC_FIXED) ||
		    !memcmp(row.head.mac, mac, ETH_ALEN))
			continue;
		memcpy(row.head.mac, mac, ETH_ALEN);
		table.rows[kept++] = row;
	}
	table.count = kept;
	return set_heads(pins, &table, err);
}

int change_add_answers(const struct pins *pins, const struct entry_table *before,
		       const struct entry_table *after, struct err *err)
{
	_cleanup_(control_close) struct control_bpf *control = NULL;
	size_t old = 0;
	int r = control_load(pins, &control, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < after->count; i++) {
		const struct entry_row *now = &after->rows[i];
		struct control_add_answers args = { .key = row_control_key(&now->key) };
		LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

		while (old < before->count &&
		       entry_key_compare(&before->rows[old].key, &now->key) < 0)
			old++;
		if (old == before->count)
			break;
		/* the agent's lease thread adds entries, and deletes them, meanwhile */
		if (entry_key_compare(&before->rows[old].key, &now->key) != 0 ||
		    now->responses_sent <= before->rows[old].responses_sent)
			continue;
		args.answers = now->responses_sent - before->rows[old].responses_sent;
		r = bpf_prog_test_run_opts(bpf_program__fd(control->progs.control_add_answers),
					   &opts);
		if (r < 0)
			return err_set(err, r, "adding to an entry in place: %s", strerror(-r));
	}
	return 0;
}
