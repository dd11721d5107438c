// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "alloc.h"
#include "boot_clock.h"
#include "cleanup.h"
#include "trace.h"

#define TRACE_BATCH 512

struct trace {
	const struct pins *pins;
	int lock_fd;
	int ring_fd;
	struct ring_buffer *ring;
	/* the mmapped value: a map update would overwrite the data path's count of lost records */
	struct trace_control *control;
	uint64_t lost_before;
	trace_record_fn *record; /* NULL: drop records */
	void *context;
	unsigned int batch;
};

/* A negative result ends ring_buffer__consume() after this record. */
static int consume(void *context, void *data, size_t size)
{
	struct trace *trace = context;

	if (!trace->record || size < sizeof(struct trace_record))
		return 0;
	if (!trace->record(data, trace->context) || ++trace->batch >= TRACE_BATCH)
		return -ECANCELED;
	return 0;
}

/* Locks the pins' directory, so that there is one reader; writers lock its parent. */
static int trace_lock(struct trace *trace, struct err *err)
{
	const char *dir = trace->pins->maps.dir;

	trace->lock_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (trace->lock_fd < 0)
		return err_set(err, negative_errno(), "%s: %s", dir, strerror(errno));
	if (!flock(trace->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(err, -EBUSY,
			       "another monitor is running; there can be one at a time");
	return err_set(err, negative_errno(), "locking %s: %s", dir, strerror(errno));
}

static int trace_map(struct trace *trace, struct err *err)
{
	int fd = trace->pins->maps.fd[MAPS_TRACE_CONTROL];
	void *at = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return err_set(err, negative_errno(), "mapping %s/trace_control: %s",
			       trace->pins->maps.dir, strerror(errno));
	trace->control = at;
	return 0;
}

/* Creates a ring buffer, and replaces one that a killed reader left. */
static int trace_ring(struct trace *trace, struct err *err)
{
	uint32_t slot = 0;

	trace->ring_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "l2resp_trace", 0, 0,
					L2RESP_TRACE_BYTES, NULL);
	if (trace->ring_fd >= 0)
		trace->ring = ring_buffer__new(trace->ring_fd, consume, trace, NULL);
	if (!trace->ring || bpf_map_update_elem(trace->pins->maps.fd[MAPS_TRACE], &slot,
						&trace->ring_fd, BPF_ANY) < 0)
		return err_set(err, negative_errno(), "making a ring buffer: %s", strerror(errno));
	return 0;
}

static int trace_do_open(struct trace *trace, struct err *err)
{
	int r = trace_lock(trace, err);

	if (!r)
		r = trace_map(trace, err);
	if (r < 0)
		return r;
	/* a killed reader may have left the recording on */
	trace_stop(trace);
	r = trace_ring(trace, err);
	if (r < 0)
		return r;
	trace->lost_before = __atomic_load_n(&trace->control->lost, __ATOMIC_RELAXED);
	r = trace_renew(trace, err);
	return r < 0 ? r : 0;
}

int trace_open(const struct pins *pins, trace_record_fn *record, void *context,
	       struct trace **ret_trace, struct err *err)
{
	struct trace *trace = xcalloc(1, sizeof(*trace));
	int r;

	trace->pins = pins;
	trace->lock_fd = trace->ring_fd = -1;
	r = trace_do_open(trace, err);
	if (r < 0) {
		trace_close(&trace);
		return r;
	}
	trace->record = record;
	trace->context = context;
	*ret_trace = trace;
	return 0;
}

void trace_close(struct trace **trace)
{
	struct trace *closed = *trace;
	uint32_t slot = 0;

	if (!closed)
		return;
	if (closed->control) {
		trace_stop(closed);
		munmap(closed->control, sysconf(_SC_PAGESIZE));
	}
	ring_buffer__free(closed->ring);
	if (closed->ring_fd >= 0) {
		bpf_map_delete_elem(closed->pins->maps.fd[MAPS_TRACE], &slot);
		close(closed->ring_fd);
	}
	if (closed->lock_fd >= 0)
		close(closed->lock_fd);
	free(closed);
	*trace = NULL;
}

int trace_fd(const struct trace *trace)
{
	return ring_buffer__epoll_fd(trace->ring);
}

bool trace_read(struct trace *trace)
{
	trace->batch = 0;
	return ring_buffer__consume(trace->ring) == -ECANCELED;
}

void trace_stop(struct trace *trace)
{
	__atomic_store_n(&trace->control->on, 0, __ATOMIC_SEQ_CST);
}

int trace_renew(struct trace *trace, struct err *err)
{
	uint64_t now_ns = boot_clock_ns(), until_ns;
	struct stat locked, current;

	if (fstat(trace->lock_fd, &locked) < 0 || stat(trace->pins->maps.dir, &current) < 0 ||
	    locked.st_ino != current.st_ino || locked.st_dev != current.st_dev)
		return err_set(err, -ESTALE,
			       "%s was removed; run monitor again once something is attached",
			       trace->pins->maps.dir);
	/* set until_ns first: the data path switches an expired recording off */
	until_ns = __atomic_exchange_n(&trace->control->until_ns,
				       now_ns + TRACE_LEASE_MS * 1000000ULL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&trace->control->on, 1, __ATOMIC_SEQ_CST);
	return now_ns > until_ns;
}

uint64_t trace_lost(const struct trace *trace)
{
	return __atomic_load_n(&trace->control->lost, __ATOMIC_RELAXED) - trace->lost_before;
}
