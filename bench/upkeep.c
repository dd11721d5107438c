// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <bpf/bpf.h>

#include "cleanup.h"
#include "contestant.h"
#include "l2resp.h"
#include "upkeep.h"

const uint32_t upkeep_sizes[] = { 1, 16, 1000, 65536, 1000000, 0 };

/* Creates a file in memory with one address per line. Returns its descriptor. */
static int addresses_write(uint32_t count, struct err *err)
{
	int fd = memfd_create("addresses", MFD_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(dup(fd), "w");
	bool failed = !file;

	for (uint32_t i = 0; file && i < count; i++) {
		struct in_addr at = { htonl(load_first_target(count) + i) };
		char ip[INET_ADDRSTRLEN];

		fprintf(file, "%s dev " LANE_DEVICE "\n", inet_ntop(AF_INET, &at, ip, sizeof(ip)));
	}
	if (file)
		failed = fclose(file) != 0;
	if (!failed)
		return fd;
	if (fd >= 0)
		close(fd);
	return err_set(err, -EIO, "writing the addresses: %s", strerror(errno));
}

/* Runs the command with @words in @lane; *ret_seconds: its run time. */
static int run_timed(const struct lane *lane, int input, const char *const *words,
		     double *ret_seconds, struct err *err)
{
	struct timespec started, ended;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &started);
	r = contestant_run_cli(lane, input, err, words);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	*ret_seconds = (double)(ended.tv_sec - started.tv_sec) +
		       (double)(ended.tv_nsec - started.tv_nsec) / 1e9;
	return r;
}

/* Returns the memory that the kernel charges for the pinned map. */
static int map_bytes(const struct lane *lane, uint64_t *ret_bytes, struct err *err)
{
	char path[128], line[128];
	unsigned long long bytes = 0;
	FILE *info;
	int fd;

	snprintf(path, sizeof(path), "%s/xdp-l2resp/v%d/responder_v4", lane->bpffs,
		 L2RESP_SCHEMA_VERSION);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return err_set(err, negative_errno(), "%s: %s", path, strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		sscanf(line, "memlock: %llu", &bytes);
	if (info)
		fclose(info);
	close(fd);
	*ret_bytes = bytes;
	return 0;
}

static int upkeep_round(const struct lane *lane, int addresses, double seconds[3], struct err *err)
{
	static const char *const steps[][5] = {
		{ "import", "-", NULL },
		{ "list", NULL },
		{ "flush", "dev", LANE_DEVICE, NULL },
	};
	int r = 0;

	lseek(addresses, 0, SEEK_SET);
	for (int step = 0; step < 3 && !r; step++)
		r = run_timed(lane, step ? -1 : addresses, steps[step], &seconds[step], err);
	return r;
}

int upkeep_measure(uint32_t addresses, unsigned int rounds, struct upkeep *ret_upkeep,
		   struct err *err)
{
	double import_s[UPKEEP_MAX_ROUNDS] = {}, list_s[UPKEEP_MAX_ROUNDS] = {};
	double flush_s[UPKEEP_MAX_ROUNDS] = {};
	_cleanup_close_ int file = addresses_write(addresses, err);
	char max_entries[16];
	struct lane lane;
	uint64_t bytes = 0;
	int r;

	if (file < 0)
		return file;
	if (rounds > UPKEEP_MAX_ROUNDS)
		rounds = UPKEEP_MAX_ROUNDS;
	r = lane_open(&lane, 1, err);
	if (r < 0)
		return r;
	snprintf(max_entries, sizeof(max_entries), "%u", addresses);
	r = RUN_CLI(&lane, err, "attach", LANE_DEVICE, "--max-entries", max_entries);
	for (unsigned int round = 0; round < rounds && !r; round++) {
		double seconds[3] = {};

		r = upkeep_round(&lane, file, seconds, err);
		import_s[round] = seconds[0];
		list_s[round] = seconds[1];
		flush_s[round] = seconds[2];
	}
	if (!r)
		r = map_bytes(&lane, &bytes, err);
	RUN_CLI(&lane, &(struct err){}, "detach", "--all");
	RUN_CLI(&lane, &(struct err){}, "flush", "--all");
	lane_close(&lane);
	if (r < 0)
		return r;
	*ret_upkeep = (struct upkeep){
		.addresses = addresses,
		.import_s = spread_of(import_s, rounds),
		.list_s = spread_of(list_s, rounds),
		.flush_s = spread_of(flush_s, rounds),
		.bytes_an_address = (double)bytes / addresses,
	};
	return 0;
}
