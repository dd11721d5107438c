// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "cleanup.h"
#include "document.h"
#include "last_good.h"
#include "write_all.h"

/* The last line of a copy: a YAML comment with a checksum and the path of the file, since the agent
 * may be configured for another directory later. */
#define SEAL_FORMAT "\n# %s %016" PRIx64 "\n"
#define SEAL_SIZE   (PATH_MAX + 32)
/* Of a copy: a manifest has 256 MiB at most. */
#define COPY_LIMIT (257UL << 20)

char *last_good_directory(const char *assignments)
{
	_cleanup_free_ char *copy = xstrdup(assignments);

	return xasprintf("%s/last-good", dirname(copy));
}

/* FNV-1a, of words: detects files truncated by a crash, not forged ones. */
static uint64_t sum_of(const char *text, size_t size)
{
	uint64_t sum = 0xcbf29ce484222325 ^ size;

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		size_t rest = size - i;
		uint64_t word = 0;

		memcpy(&word, text + i, rest < sizeof(word) ? rest : sizeof(word));
		sum = (sum ^ word) * 0x100000001b3;
	}
	return sum;
}

static int make_seal(const char *path, const char *text, size_t size, char ret_seal[SEAL_SIZE])
{
	int length = snprintf(ret_seal, SEAL_SIZE, SEAL_FORMAT, path, sum_of(text, size));

	return length < SEAL_SIZE ? length : -ENAMETOOLONG;
}

static int copy_path(const char *directory, const char *path, char ret_copy[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	return snprintf(ret_copy, PATH_MAX, "%s/%s", directory, slash ? slash + 1 : path) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

int last_good_read(const char *directory, const char *path, char **ret_text, size_t *ret_size)
{
	char copy[PATH_MAX], seal[SEAL_SIZE];
	_cleanup_free_ char *text = NULL;
	const char *end;
	struct err err;
	size_t size;

	if (copy_path(directory, path, copy) < 0 ||
	    yaml_read_file(copy, COPY_LIMIT, &text, &size, &err) < 0 || !size)
		return -ENOENT;
	/* the newline before the last line */
	end = memrchr(text, '\n', size - 1);
	if (!end || make_seal(path, text, end - text, seal) != text + size - end ||
	    memcmp(end, seal, text + size - end) != 0)
		return -ENOENT;
	*ret_size = end - text;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static bool is_current(const char *directory, const char *path, const char *text, size_t size)
{
	_cleanup_free_ char *copy = NULL;
	size_t copy_size;

	return !last_good_read(directory, path, &copy, &copy_size) && copy_size == size &&
	       !memcmp(copy, text, size);
}

static int replace(const char *copy, const char *text, size_t size, const char *seal)
{
	_cleanup_close_ int fd = -1;
	char beside[PATH_MAX];
	int r;

	/* a hidden file's name can't be that of a manifest */
	if (snprintf(beside, sizeof(beside), "%.*s.new", (int)(strrchr(copy, '/') + 1 - copy),
		     copy) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	r = fd < 0 ? negative_errno() : write_all(fd, text, size);
	if (!r)
		r = write_all(fd, seal, strlen(seal));
	if (!r && rename(beside, copy) < 0)
		r = negative_errno();
	if (r < 0)
		unlink(beside);
	return r;
}

int last_good_write(const char *directory, const char *path, const char *text, size_t size,
		    struct err *err)
{
	char copy[PATH_MAX] = "", seal[SEAL_SIZE];
	int r;

	if (is_current(directory, path, text, size))
		return 0;
	r = copy_path(directory, path, copy);
	if (!r)
		r = make_seal(path, text, size, seal);
	if (r >= 0)
		r = mkdir(directory, 0700) < 0 && errno != EEXIST ? negative_errno()
								  : replace(copy, text, size, seal);
	if (!r)
		return 0;
	/* the copy is outdated now */
	unlink(copy);
	return err_set(err, r, "%s: %s", directory, strerror(-r));
}

void last_good_prune(const char *directory, bool (*keep)(const char *name, const void *userdata),
		     const void *userdata)
{
	DIR *copies = opendir(directory);
	struct dirent *entry;

	while (copies && (entry = readdir(copies)))
		if (entry->d_name[0] != '.' && !keep(entry->d_name, userdata))
			unlinkat(dirfd(copies), entry->d_name, 0);
	if (copies)
		closedir(copies);
}
