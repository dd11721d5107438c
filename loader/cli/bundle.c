// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "alloc.h"
#include "bundle.h"
#include "err.h"

#define BLOCK 512

/* POSIX.1-1988 ustar; numbers are octal text. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155],
		padding[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

struct bundle {
	gzFile file;
	const char *directory;
	time_t when;
	int error; /* negative errno of the first write that failed */
};

static void put(struct bundle *bundle, const void *bytes, size_t size)
{
	errno = 0;
	if (size && gzwrite(bundle->file, bytes, size) != (int)size && !bundle->error)
		bundle->error = negative_errno();
}

struct bundle *bundle_new(int fd, const char *directory, time_t when)
{
	struct bundle *bundle = xmalloc(sizeof(*bundle));

	*bundle = (struct bundle){ .file = gzdopen(fd, "w"), .directory = directory, .when = when };
	if (!bundle->file)
		alloc_fail();
	return bundle;
}

void bundle_add(struct bundle *bundle, const char *name, const void *content, size_t size)
{
	static const char zeros[BLOCK];
	struct header header = { .type = '0', .magic = "ustar", .version = { '0', '0' } };
	unsigned int sum = 0;

	snprintf(header.name, sizeof(header.name), "%s/%s", bundle->directory, name);
	snprintf(header.mode, sizeof(header.mode), "%07o", 0600);
	snprintf(header.uid, sizeof(header.uid), "%07o", 0);
	snprintf(header.gid, sizeof(header.gid), "%07o", 0);
	snprintf(header.size, sizeof(header.size), "%011zo", size);
	snprintf(header.mtime, sizeof(header.mtime), "%011llo", (long long)bundle->when);
	/* which is summed up as blanks itself */
	memset(header.checksum, ' ', sizeof(header.checksum));
	for (size_t i = 0; i < sizeof(header); i++)
		sum += ((const unsigned char *)&header)[i];
	snprintf(header.checksum, sizeof(header.checksum), "%06o", sum);
	put(bundle, &header, sizeof(header));
	put(bundle, content, size);
	put(bundle, zeros, -size % BLOCK);
}

int bundle_finish(struct bundle *bundle)
{
	static const char end[2 * BLOCK];
	int r;

	put(bundle, end, sizeof(end));
	errno = 0;
	r = bundle->error;
	if (gzclose(bundle->file) != Z_OK && !r)
		r = negative_errno();
	free(bundle);
	return r;
}
