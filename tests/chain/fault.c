// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD: the kernel refuses one request of a program. FAULT=KIND:N:ERRNO fails the Nth of that
 * kind with that errno: a call of bpf, membarrier, fsync or rename, a message to a netlink socket
 * ("netlink"), or a socket that a program executed meanwhile would inherit ("inherited"). Of a
 * negative ERRNO, the process gets the signal of that number just before the request.
 * FAULT_LOG=FILE gets a line "KIND N" for each, which says how many there are.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/netlink.h>

#define SYSCALL_ARGUMENTS 6

static void log_request(const char *kind, int number, long what)
{
	const char *path = getenv("FAULT_LOG");
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return;
	dprintf(fd, "%s %d %ld\n", kind, number, what);
	close(fd);
}

/* Counts a request. True: it is the one to fail, and errno says how. The signal comes from here. */
static bool fails(const char *kind, long what)
{
	static int count; /* of the one kind that FAULT names */
	const char *fault = getenv("FAULT");
	size_t length = strlen(kind);
	int number, error;

	if (!fault || strncmp(fault, kind, length) != 0 ||
	    sscanf(fault + length, ":%d:%d", &number, &error) != 2)
		return false;
	log_request(kind, ++count, what);
	if (count != number)
		return false;
	if (error < 0) {
		kill(getpid(), -error);
		return false;
	}
	errno = error;
	return true;
}

static bool netlink_fails(int fd, const void *data)
{
	socklen_t size = sizeof(int);
	int domain = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) && domain == AF_NETLINK &&
	       fails("netlink", ((const struct nlmsghdr *)data)->nlmsg_type);
}

long syscall(long number, ...)
{
	long (*next)(long, ...) = dlsym(RTLD_NEXT, "syscall");
	long argument[SYSCALL_ARGUMENTS];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < SYSCALL_ARGUMENTS; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if ((number == __NR_bpf && fails("bpf", argument[0])) ||
	    (number == __NR_membarrier && fails("membarrier", argument[0])))
		return -1;
	return next(number, argument[0], argument[1], argument[2], argument[3], argument[4],
		    argument[5]);
}

int socket(int domain, int type, int protocol)
{
	int (*next)(int, int, int) = dlsym(RTLD_NEXT, "socket");

	return !(type & SOCK_CLOEXEC) && fails("inherited", domain) ? -1
								    : next(domain, type, protocol);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	ssize_t (*next)(int, const void *, size_t, int) = dlsym(RTLD_NEXT, "send");

	return netlink_fails(fd, data) ? -1 : next(fd, data, size, flags);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
	       socklen_t to_size)
{
	ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) =
		dlsym(RTLD_NEXT, "sendto");

	return netlink_fails(fd, data) ? -1 : next(fd, data, size, flags, to, to_size);
}

int fsync(int fd)
{
	int (*next)(int) = dlsym(RTLD_NEXT, "fsync");

	return fails("fsync", 0) ? -1 : next(fd);
}

int rename(const char *from, const char *to)
{
	int (*next)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");

	return fails("rename", 0) ? -1 : next(from, to);
}
