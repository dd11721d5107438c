// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD: operations that hang. HANG names a directory; an operation goes on when there is no
 * file of its name in there (any more). A file NAME.hangs says that one waits. "read": a file below
 * a directory "manifests" is opened; "fsync"; "log": a write to standard error; "packet": a frame
 * is sent; "match": a regular expression is evaluated.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define LOOK_USEC 5000

static void hang(const char *name)
{
	const char *directory = getenv("HANG");
	char path[512], hangs[520];

	if (!directory)
		return;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (access(path, F_OK) < 0)
		return;
	snprintf(hangs, sizeof(hangs), "%s.hangs", path);
	close(creat(hangs, 0600));
	while (!access(path, F_OK))
		usleep(LOOK_USEC);
	unlink(hangs);
}

int open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
	va_end(list);
	if (strstr(path, "/manifests/"))
		hang("read");
	return next(path, flags, mode);
}

int fsync(int fd)
{
	int (*next)(int) = dlsym(RTLD_NEXT, "fsync");

	hang("fsync");
	return next(fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
	ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");

	if (fd == STDERR_FILENO)
		hang("log");
	return next(fd, data, size);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
	       socklen_t to_size)
{
	ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) =
		dlsym(RTLD_NEXT, "sendto");

	if (to && to->sa_family == AF_PACKET)
		hang("packet");
	return next(fd, data, size, flags, to, to_size);
}

int pcre2_match_8(const pcre2_code *code, PCRE2_SPTR subject, PCRE2_SIZE length, PCRE2_SIZE start,
		  uint32_t options, pcre2_match_data *data, pcre2_match_context *context)
{
	int (*next)(const pcre2_code *, PCRE2_SPTR, PCRE2_SIZE, PCRE2_SIZE, uint32_t,
		    pcre2_match_data *, pcre2_match_context *) = dlsym(RTLD_NEXT, "pcre2_match_8");

	hang("match");
	return next(code, subject, length, start, options, data, context);
}
