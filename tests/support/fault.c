// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD: something happens at one of a program's requests to the kernel. FAULT=KIND:N:ERRNO
 * fails the Nth of that kind with that errno, FAULT=KIND:N:kill kills the program just before it
 * makes that request, and FAULT=KIND:N:-SIGNAL sends it that signal. Kinds: calls of bpf,
 * membarrier, fsync or rename, a message to a netlink socket ("netlink"), or "any" of these.
 * FAULT_LOG=FILE gets a line "KIND N WHAT" for each, which says how many there are. Kinds that
 * "any" leaves out: "stat", of a file by its name in a directory, "readdir", "thread", to create
 * one, and "inherited", a socket that a program executed meanwhile would inherit.
 *
 * FAULT=flood: packet sockets never run dry: each read gives an ARP frame.
 *
 * FAULT=no-btf: the kernel answers as one that has no BTF, as seen on user-mode Linux 6.1.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
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
	static int count; /* of the kind that FAULT names */
	const char *fault = getenv("FAULT");
	char wanted[16], how[16];
	int number, error;

	if (!fault || sscanf(fault, "%15[^:]:%d:%15s", wanted, &number, how) != 3 ||
	    (strcmp(wanted, kind) != 0 && strcmp(wanted, "any") != 0))
		return false;
	log_request(kind, ++count, what);
	if (count != number)
		return false;
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	error = atoi(how);
	if (error < 0) {
		kill(getpid(), -error);
		return false;
	}
	errno = error;
	return true;
}

/* Without BTF of its own a kernel lists none, and doesn't know the argument of a dispatcher's
 * functions. */
static bool refused_without_btf(long command, const union bpf_attr *attr)
{
	const char *fault = getenv("FAULT");

	if (!fault || strcmp(fault, "no-btf") != 0)
		return false;
	if (command == BPF_BTF_GET_NEXT_ID)
		errno = ENOENT;
	else if (command == BPF_PROG_LOAD && !strcmp(attr->prog_name, "xdp_dispatcher"))
		errno = EINVAL;
	else
		return false;
	return true;
}

static int domain_of(int fd)
{
	socklen_t size = sizeof(int);
	int domain = 0;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) ? -1 : domain;
}

static bool netlink_fails(int fd, const void *data)
{
	return domain_of(fd) == AF_NETLINK &&
	       fails("netlink", ((const struct nlmsghdr *)data)->nlmsg_type);
}

long syscall(long number, ...)
{
	long (*next)(long, ...) = dlsym(RTLD_NEXT, "syscall");
	long argument[SYSCALL_ARGUMENTS];
	const union bpf_attr *attr;
	va_list list;

	va_start(list, number);
	for (int i = 0; i < SYSCALL_ARGUMENTS; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	memcpy(&attr, &argument[1], sizeof(argument[1]));
	if ((number == __NR_bpf && fails("bpf", argument[0])) ||
	    (number == __NR_bpf && refused_without_btf(argument[0], attr)) ||
	    (number == __NR_membarrier && fails("membarrier", argument[0])))
		return -1;
	return next(number, argument[0], argument[1], argument[2], argument[3], argument[4],
		    argument[5]);
}

/* Of a kind that "any" leaves out. */
static bool named_fails(const char *kind, long what)
{
	const char *fault = getenv("FAULT");

	return fault && !strncmp(fault, kind, strlen(kind)) && fails(kind, what);
}

int socket(int domain, int type, int protocol)
{
	int (*next)(int, int, int) = dlsym(RTLD_NEXT, "socket");

	return !(type & SOCK_CLOEXEC) && named_fails("inherited", domain)
		       ? -1
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

ssize_t recv(int fd, void *data, size_t size, int flags)
{
	/* hardware type Ethernet, protocol IPv4; sender and target are all zero */
	static const unsigned char arp[] = { [12] = ETH_P_ARP >> 8, ETH_P_ARP & 0xff, 0, 1,
					     ETH_P_IP >> 8,	    ETH_P_IP & 0xff,  6, 4,
					     [ETH_ZLEN - 1] = 0 };
	ssize_t (*next)(int, void *, size_t, int) = dlsym(RTLD_NEXT, "recv");
	const char *fault = getenv("FAULT");

	if (!fault || strcmp(fault, "flood") != 0 || domain_of(fd) != AF_PACKET)
		return next(fd, data, size, flags);
	if (size > sizeof(arp))
		size = sizeof(arp);
	memcpy(data, arp, size);
	return size;
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

int fstatat64(int directory, const char *path, struct stat64 *st, int flags)
{
	int (*next)(int, const char *, struct stat64 *, int) = dlsym(RTLD_NEXT, "fstatat64");

	return named_fails("stat", 0) ? -1 : next(directory, path, st, flags);
}

struct dirent64 *readdir64(DIR *directory)
{
	struct dirent64 *(*next)(DIR *) = dlsym(RTLD_NEXT, "readdir64");

	return named_fails("readdir", 0) ? NULL : next(directory);
}

/* Leaves an id of no thread behind, as the C library does if the kernel refuses. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
		   void *argument)
{
	int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		dlsym(RTLD_NEXT, "pthread_create");

	if (!named_fails("thread", 0))
		return next(thread, attributes, run, argument);
	*thread = pthread_self();
	return errno;
}
