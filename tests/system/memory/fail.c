// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD: an allocation fails, once. Allocations are told apart by their innermost callers, as
 * many as ALLOC_DEPTH says, whose addresses must be the same in each run (setarch -R). ALLOC_LIST
 * is a file that a line is appended to for each new one: its hash, the library or program that
 * allocates, and the one that this works for. ALLOC_FAIL is the hash of the one that fails; when it
 * does, "failed" is appended.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#define DEPTH_MAX 64
#define SEEN	  (1 << 18)
/* Ours: that which asks for the callers, and malloc(). */
#define SKIP 2

/* glibc's own, whatever is preloaded. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static const char *list;
static uint64_t wanted;
static int depth;
static atomic_bool failed;
static _Atomic uint64_t seen[SEEN];
/* The unwinder may allocate. */
static _Thread_local bool inside;

struct stack {
	int skip, left;
	uint64_t hash;
	const char *allocates, *works_for;
};

/* Notes in whose code @at is, as long as that isn't known. */
static void note_module(struct stack *stack, _Unwind_Ptr at)
{
	const char *name;
	Dl_info info;

	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the unwinder has addresses as numbers */
	if (wanted || stack->works_for || !dladdr((const void *)at, &info))
		return;
	name = strrchr(info.dli_fname, '/') ?: info.dli_fname;
	name += *name == '/';
	if (!stack->allocates)
		stack->allocates = name;
	else if (strcmp(stack->allocates, name) != 0)
		stack->works_for = name;
}

static _Unwind_Reason_Code add_caller(struct _Unwind_Context *context, void *data)
{
	struct stack *stack = data;

	if (stack->skip-- > 0)
		return _URC_NO_REASON;
	stack->hash = (stack->hash ^ _Unwind_GetIP(context)) * 0x9e3779b97f4a7c15;
	stack->hash ^= stack->hash >> 29;
	note_module(stack, _Unwind_GetIP(context));
	return --stack->left ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void append(const char *text)
{
	int error = errno, fd = open(list, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			_exit(99);
		close(fd);
	}
	errno = error;
}

/* Was @hash not seen before? */
static bool is_new(uint64_t hash)
{
	for (size_t at = hash % SEEN;; at = (at + 1) % SEEN) {
		uint64_t there = 0;

		if (atomic_compare_exchange_strong(&seen[at], &there, hash))
			return true;
		if (there == hash)
			return false;
	}
}

static bool fails(void)
{
	struct stack stack = { .skip = SKIP, .left = depth, .hash = 1 };
	bool now = false;
	char text[256];

	if (!list || inside)
		return false;
	inside = true;
	_Unwind_Backtrace(add_caller, &stack);
	if (wanted) {
		now = stack.hash == wanted && !atomic_exchange(&failed, true);
		if (now)
			append("failed\n");
	} else if (is_new(stack.hash)) {
		snprintf(text, sizeof(text), "%016jx %s %s\n", (uintmax_t)stack.hash,
			 stack.allocates ?: "-", stack.works_for ?: "-");
		append(text);
	}
	inside = false;
	return now;
}

static __attribute__((constructor)) void begin(void)
{
	depth = atoi(getenv("ALLOC_DEPTH") ?: "8");
	wanted = strtoull(getenv("ALLOC_FAIL") ?: "0", NULL, 16);
	list = getenv("ALLOC_LIST");
}

static void *none(void)
{
	errno = ENOMEM;
	return NULL;
}

void *malloc(size_t size)
{
	return fails() ? none() : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? none() : __libc_calloc(count, size);
}

void *realloc(void *at, size_t size)
{
	return fails() ? none() : __libc_realloc(at, size);
}

void *memalign(size_t alignment, size_t size)
{
	return fails() ? none() : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? none() : __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_at, size_t alignment, size_t size)
{
	void *at = fails() ? NULL : __libc_memalign(alignment, size);

	if (!at)
		return ENOMEM;
	*ret_at = at;
	return 0;
}
