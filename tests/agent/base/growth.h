/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_GROWTH_H
#define XDP_L2RESP_GROWTH_H

#include <stdint.h>
#include <stdio.h>

#define GROWTH_MAX 8

/* Does @cost_ns, the CPU time of this thread for @count of something, grow with the count and not
 * with its square? Four times as many then take four times as long, and not 16 times: that is so on
 * a machine of any speed. The least of several rounds, since interrupts count, too. Under a
 * sanitizer only what is done is looked at: its own bookkeeping grows as it likes. */
static inline int is_linear(uint64_t (*cost_ns)(size_t count), size_t count)
{
	uint64_t few_ns = UINT64_MAX, many_ns = UINT64_MAX;

#ifdef __SANITIZE_ADDRESS__
	return cost_ns(count / 4), 1;
#endif
	for (int round = 0; round < 3; round++) {
		uint64_t few = cost_ns(count / 4), many = cost_ns(count);

		few_ns = few < few_ns ? few : few_ns;
		many_ns = many < many_ns ? many : many_ns;
		fprintf(stderr, "# %zu: %.1f ms, a quarter of them: %.1f ms\n", count,
			many_ns / 1e6, few_ns / 1e6);
		if (many_ns < GROWTH_MAX * few_ns)
			return 1;
	}
	return 0;
}

#endif
