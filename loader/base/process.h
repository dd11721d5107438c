/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program inherits from its caller, made fit to run with. */
#ifndef XDP_L2RESP_PROCESS_H
#define XDP_L2RESP_PROCESS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Paths and lines of text are on the stack, and libbpf's and the resolver's buffers; the threads'
 * stacks have this size, too. 64 are too few for most commands. */
#define PROCESS_STACK_KIB 256

/*
 * Standard files that are closed get a file that is empty and can't be written. Otherwise the next
 * socket or map that is opened gets such a number, and then what is printed, or the log.
 */
static inline void process_keep_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* For the beginning of main(). Exits if the stack is too small. */
static inline void process_begin(void)
{
	struct rlimit stack;

	process_keep_stdio();
	/* what is made here can be opened here, whatever the caller's umask */
	umask(umask(0) & 077);
	/* a closed pipe, or a file over RLIMIT_FSIZE, is an error to report, not an end in the
	 * middle of a change */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* if it was inherited as ignored, the exit status of a child would be lost */
	signal(SIGCHLD, SIG_DFL);
	if (getrlimit(RLIMIT_STACK, &stack) || stack.rlim_cur / 1024 >= PROCESS_STACK_KIB)
		return;
	fprintf(stderr, "%s: the stack is limited to %llu KiB; run `ulimit -s %d` first\n",
		program_invocation_short_name, (unsigned long long)stack.rlim_cur / 1024,
		PROCESS_STACK_KIB);
	exit(1);
}

/* Is a file descriptor left? */
static inline bool process_has_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || (errno != EMFILE && errno != ENFILE);
}

#endif
