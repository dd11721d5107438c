// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "alloc.h"
#include "cleanup.h"
#include "counts.h"

static const struct {
	const char *name;
	const char *text;
} outcomes[OUTCOME_COUNT] = {
#define OUTCOME_ROW(id, name, text) [OUTCOME_##id] = { #name, text },
	OUTCOMES(OUTCOME_ROW)
#undef OUTCOME_ROW
};

const char *counts_outcome_name(enum outcome outcome)
{
	return outcomes[outcome].name;
}

const char *counts_outcome_text(enum outcome outcome)
{
	return outcomes[outcome].text;
}

int counts_read(const struct pins *pins, uint32_t counters_slot, struct outcome_counts *ret_counts,
		struct err *err)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct outcome_counts *per_cpu = NULL;
	struct outcome_counts sum = {};

	if (cpus < 0)
		return err_set(err, cpus, "asking for the number of CPUs: %s", strerror(-cpus));
	per_cpu = xcalloc(cpus, sizeof(*per_cpu));
	if (bpf_map_lookup_elem(pins->maps.fd[MAPS_COUNTERS], &counters_slot, per_cpu) < 0)
		return err_set(err, negative_errno(), "reading counters: %s", strerror(errno));
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < OUTCOME_COUNT; i++)
			sum.count[i] += per_cpu[cpu].count[i];
	*ret_counts = sum;
	return 0;
}
