// SPDX-License-Identifier: GPL-2.0-or-later
/* import, save: reads addresses from a file, and writes them to one. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h> /* before <linux/if.h>, which then omits the definitions they share */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <linux/if.h>

#include "alloc.h"
#include "cleanup.h"
#include "cli.h"
#include "device.h"
#include "entry.h"
#include "report.h"
#include "serve.h"
#include "signals.h"
#include "spec.h"
#include "text.h"

/* Errors in further lines are only counted. */
#define MAX_ERRORS_SHOWN 10
#define LINE_SIZE	 4096

/* The interfaces looked up so far: a million lines name few. */
struct link_cache {
	struct link links[L2RESP_MAX_DEVICES];
	char given[L2RESP_MAX_DEVICES][ALTIFNAMSIZ]; /* the name in the file */
	int count;
};

static int link_cache_get(struct link_cache *cache, const char *name, const struct link **ret_link,
			  struct err *err)
{
	struct link link;
	int i, r;

	/* the latest first: neighbouring lines mostly have the same interface */
	for (i = cache->count - 1; i >= 0; i--)
		if (!strcmp(cache->given[i], name)) {
			*ret_link = &cache->links[i];
			return 0;
		}
	r = link_for_arp(name, &link, err);
	if (r < 0)
		return r;
	/* it may be known by another of its names */
	for (i = 0; i < cache->count && cache->links[i].ifindex != link.ifindex; i++)
		;
	if (i == L2RESP_MAX_DEVICES)
		return err_set(err, -ENOSPC, "more than %d interfaces", L2RESP_MAX_DEVICES);
	if (i == cache->count) {
		cache->links[i] = link;
		/* it fits: it is the name of an interface */
		snprintf(cache->given[i], sizeof(cache->given[i]), "%s", name);
		cache->count++;
	}
	*ret_link = &cache->links[i];
	return 0;
}

/* Looks up all interfaces again and updates @cache. Returns 1 if one was recreated or has another
 * MAC, 0 if not, or a negative errno with @err. */
static int link_cache_renew(struct link_cache *cache, struct err *err)
{
	int changed = 0;

	for (int i = 0; i < cache->count; i++) {
		struct link now;
		int r = link_for_arp(cache->given[i], &now, err);

		if (r < 0)
			return r;
		changed |= now.ifindex != cache->links[i].ifindex ||
			   memcmp(now.mac, cache->links[i].mac, ETH_ALEN);
		cache->links[i] = now;
	}
	return changed;
}

/*
 * Splits @line at white space, in place, up to a word that begins with '#'. The word after 'dev' is
 * never a comment, since an interface's name may begin with '#'. Returns the number of words, at
 * most SPEC_MAX_WORDS + 1.
 */
static int line_split(char *line, char *words[SPEC_MAX_WORDS + 2])
{
	int count = 0;

	while (count <= SPEC_MAX_WORDS) {
		while (isspace((unsigned char)*line))
			line++;
		if (!*line || (*line == '#' && !(count && !strcmp(words[count - 1], "dev"))))
			break;
		words[count++] = line;
		while (*line && !isspace((unsigned char)*line))
			line++;
		if (*line)
			*line++ = '\0';
	}
	words[count] = NULL;
	return count;
}

struct import {
	const char *name; /* of the file, for messages */
	struct spec_list list;
	struct link_cache links;
	size_t errors;
	json_t *complaints; /* errors of lines, for the JSON object; NULL: they are printed */
};

static void import_complain(struct import *import, uint32_t line, const struct err *err)
{
	if (++import->errors > MAX_ERRORS_SHOWN)
		return;
	if (import->complaints)
		json_array_append_new(import->complaints,
				      json_pack("{s:I, s:o}", "line", (json_int_t)line, "error",
						text_json(err->text)));
	else
		text_print(stderr, CLI_NAME ": %s:%u: %s\n", import->name, line, err->text);
}

/* Reads a line into @line, zero-terminated, or as much of it as fits. The length; 0: there is none.
 */
static size_t line_read(FILE *file, char line[LINE_SIZE])
{
	size_t length = 0;
	int c = 0;

	while (length < LINE_SIZE - 1 && c != '\n' && (c = getc_unlocked(file)) != EOF)
		line[length++] = c;
	line[length] = '\0';
	return length;
}

/* What a line of a text file, read by line_read(), doesn't have; NULL: it is one. It may end with
 * \r\n; with \r alone, a comment would be the rest of the file. */
static const char *not_text(const char *line, size_t length)
{
	const char *cr = memchr(line, '\r', length);

	if (memchr(line, '\0', length))
		return "a zero byte";
	if (cr && cr[1] != '\n')
		return "a carriage return without a line feed";
	return length == LINE_SIZE - 1 ? "a line that doesn't end" : NULL;
}

/* Reads the whole file and reports each line in error. -EINVAL without a message in @err if there
 * was one. */
static int import_read(struct import *import, FILE *file, size_t room, struct err *err)
{
	char line[LINE_SIZE] = {};
	uint32_t number = 0;
	size_t length;

	while ((length = line_read(file, line))) {
		char *words[SPEC_MAX_WORDS + 2];
		const struct link *link = NULL;
		const char *what;
		struct spec spec;
		int r, count;

		number++;
		what = not_text(line, length);
		if (what) {
			err_set(err, -EINVAL, "%s; this is no text file", what);
			import_complain(import, number, err);
			break;
		}
		count = line_split(line, words);
		if (!count)
			continue;
		r = spec_parse(count, words, &spec, err);
		if (!r)
			r = link_cache_get(&import->links, spec.dev, &link, err);
		/* after an error, read the rest only to find more errors */
		if (!r && !import->errors)
			r = spec_list_append(&import->list, &spec, link, number, room, err);
		if (r < 0)
			import_complain(import, number, err);
		if (r == -ENOSPC)
			break;
	}
	if (!feof(file) && !import->errors)
		return err_set(err, negative_errno(), "%s: %s", import->name, strerror(errno));
	if (import->errors > MAX_ERRORS_SHOWN)
		return err_set(err, -EINVAL, "%s: and %zu more lines in error; nothing imported",
			       import->name, import->errors - MAX_ERRORS_SHOWN);
	if (import->errors)
		return err_set(err, -EINVAL, "%s: %zu line%s in error; nothing imported",
			       import->name, import->errors, import->errors == 1 ? "" : "s");
	return 0;
}

static void progress_show(size_t done, size_t total)
{
	fprintf(stderr, "\r%zu of %zu addresses written%s", done, total, done == total ? "\n" : "");
}

/* Updates the addresses for interfaces that were recreated, or got another MAC, while the file was
 * read or another writer held the lock. */
static int import_renew_links(struct import *import, struct err *err)
{
	struct link_cache *links = &import->links;
	struct link before[L2RESP_MAX_DEVICES];
	int r;

	memcpy(before, links->links, sizeof(before));
	r = link_cache_renew(links, err);
	for (size_t i = 0; r > 0 && i < import->list.count; i++) {
		struct entry_wanted *wanted = &import->list.wanted[i];
		int at = 0;

		while (before[at].ifindex != wanted->key.ifindex)
			at++;
		wanted->key.ifindex = links->links[at].ifindex;
		if (!(wanted->head.flags & ENTRY_MAC_FIXED))
			memcpy(wanted->head.mac, links->links[at].mac, ETH_ALEN);
	}
	return r < 0 ? r : 0;
}

static int import_write(struct import *import, struct pins *pins, struct entry_added *ret_added,
			struct err *err)
{
	/* the write takes longer than a second */
	bool watch = import->list.count >= 100000 && isatty(STDERR_FILENO);
	int r = import_renew_links(import, err);

	return r < 0 ? r
		     : serve_add(pins, import->links.links, import->links.count,
				 import->list.wanted, import->list.count,
				 watch ? progress_show : NULL, cli_note, ret_added, err);
}

static void cleanup_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static void cleanup_import(struct import **import)
{
	if (*import) {
		spec_list_free(&(*import)->list);
		json_decref((*import)->complaints);
	}
	free(*import);
}

/* Reads the maximum of addresses of a family, which no file may exceed. */
static int import_room(const struct cli_options *options, size_t *ret_room, struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	int r = pins_open_some(options->bpffs, &pins, err);

	/* missing pins are created later */
	if (r < 0 && r != -EUCLEAN && (r != -ENOENT || *err->text))
		return r;
	*ret_room = pins.max_entries ?: L2RESP_DEFAULT_MAX_ENTRIES;
	return 0;
}

static int import_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(cleanup_import) struct import *import = xcalloc(1, sizeof(*import));
	_cleanup_(cleanup_file) FILE *file = NULL;
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct entry_added added = {};
	struct err err;
	size_t room;
	int r;

	if (!count)
		return cli_usage(&cmd_import, "a file is missing, or - for standard input");
	if (count > 1)
		return cli_usage(&cmd_import, "'%s' is one word too many", words[1]);
	if (options->json)
		import->complaints = json_array();
	import->name = strcmp(words[0], "-") ? words[0] : "standard input";
	file = strcmp(words[0], "-") ? fopen(words[0], "re") : fdopen(dup(STDIN_FILENO), "r");
	if (!file) {
		err_set(&err, negative_errno(), "%s: %s", words[0], strerror(errno));
		return cli_fail(&err);
	}
	/* read it before locking: a pipe may be slow, and other writers needn't wait for it */
	r = import_room(options, &room, &err);
	if (!r)
		r = import_read(import, file, room, &err);
	if (!r)
		r = cli_open_locked(options, true, &pins, &err);
	if (!r) {
		r = import_write(import, &pins, &added, &err);
		if (r < 0)
			pins_undo_create(&pins);
	}
	if (r < 0)
		return cli_fail_lines(&err, import->errors ? import->complaints : NULL);
	report_added(options, NULL, &added);
	return CLI_DONE;
}

const struct cli_command cmd_import = {
	.name = "import",
	.words = "FILE|-",
	.summary = "Add the addresses in a file, all or none",
	.details =
		"A line is '" SPEC_WORDS "', with the\n"
		"meaning that it has for add. A word that begins with '#' begins a comment. The whole\n"
		"file is checked before the first address is written.\n\n"
		"Examples:\n"
		"  " CLI_NAME " import /etc/xdp-l2resp/addresses\n"
		"  seq -f '10.1.2.%g dev eth1' 1 9 | " CLI_NAME " import -\n",
	.run = import_run,
};

static int save_rows(const struct pins *pins, const struct entry_table *table, FILE *file,
		     size_t *ret_saved, struct err *err)
{
	size_t saved = 0, gone[L2RESP_MAX_DEVICES] = {};
	struct device_table devices;
	struct err ignored;
	struct link link;
	int r = device_read_all(pins, &devices, err);

	if (r < 0)
		return r;
	fputs("# addresses of " CLI_NAME ", for: " CLI_NAME " import\n", file);
	for (size_t i = 0; i < table->count; i++) {
		const struct entry_row *row = &table->rows[i];
		const struct device_row *device = device_find(&devices, row->key.ifindex);
		char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];

		/* the agent's addresses come from its policies */
		if (!device || row->head.lease != L2RESP_LEASE_FOREVER)
			continue;
		fprintf(file, "%s dev %s", address_format(&row->key.address, ip), device->name);
		if (row->head.flags & ENTRY_MAC_FIXED)
			fprintf(file, " mac %s", mac_format(row->head.mac, mac));
		if (row->head.flags & ENTRY_NO_OVERRIDE)
			fputs(" override off", file);
		fputc('\n', file);
		saved++;
		gone[device - devices.rows] += device->gone;
	}
	/* one that was created again has another number; import finds it by its name */
	for (unsigned int i = 0; i < devices.count; i++)
		if (gone[i] && link_by_name(devices.rows[i].name, &link, &ignored) == -ENODEV)
			cli_note("%zu address%s of %s, which doesn't exist, %s saved; import adds "
				 "nothing until it exists",
				 gone[i], report_plural(gone[i]), devices.rows[i].name,
				 gone[i] == 1 ? "was" : "were");
	*ret_saved = saved;
	return 0;
}

static int err_file(struct err *err, const char *path)
{
	return err_set(err, negative_errno(), "%s: %s", path, strerror(errno));
}

/* Writes to @path in place, since it isn't a regular file but a device, a pipe or the like. */
static int save_through(const struct pins *pins, const struct entry_table *table, const char *path,
			size_t *ret_saved, struct err *err)
{
	_cleanup_(cleanup_file) FILE *file = fopen(path, "we");
	int r;

	if (!file)
		return err_file(err, path);
	r = save_rows(pins, table, file, ret_saved, err);
	return !r && (fflush(file) || ferror(file)) ? err_file(err, path) : r;
}

/* Sets *ret_target to the file behind @path, allocated, and *ret_former to its state; leaves both
 * if there is none. */
static int find_target(const char *path, char **ret_target, struct stat *ret_former)
{
	/* realpath(path) would also follow links of other users in /tmp, as the kernel doesn't
	 * (fs.protected_symlinks) */
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	char opened[32];
	struct stat link;

	if (fd < 0)
		/* don't replace a dangling symlink */
		return errno == ENOENT && lstat(path, &link) < 0 ? 0 : -1;
	snprintf(opened, sizeof(opened), "/proc/self/fd/%d", fd);
	*ret_target = realpath(opened, NULL);
	return *ret_target ? fstat(fd, ret_former) : -1;
}

/* Writes a temporary file beside the target of @path, gives it the target's mode and owner, and
 * renames it when it is complete and on the disk. */
static int save_file(const struct pins *pins, const struct entry_table *table, const char *path,
		     size_t *ret_saved, struct err *err)
{
	struct stat former = { .st_mode = 0644, .st_uid = -1, .st_gid = -1 };
	_cleanup_(cleanup_file) FILE *file = NULL;
	_cleanup_free_ char *target = NULL;
	char temporary[PATH_MAX];
	int fd, r;

	if (find_target(path, &target, &former) < 0)
		return err_file(err, path);
	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", target ?: path) >=
	    (int)sizeof(temporary))
		return err_set(err, -ENAMETOOLONG, "%s: %s", path, strerror(ENAMETOOLONG));
	/* a signal would leave the temporary file */
	signals_hold();
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return err_file(err, path);
	/* fchmod() first: that of another's file would need CAP_FOWNER */
	if (!fchmod(fd, former.st_mode & ALLPERMS) && !fchown(fd, former.st_uid, former.st_gid))
		file = fdopen(fd, "w");
	if (!file) {
		r = err_file(err, path);
		close(fd);
		unlink(temporary);
		return r;
	}
	r = save_rows(pins, table, file, ret_saved, err);
	if (!r && (fflush(file) || ferror(file) || fsync(fd) < 0 ||
		   rename(temporary, target ?: path) < 0))
		r = err_file(err, path);
	if (r < 0)
		unlink(temporary);
	return r;
}

static int save_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	const char *path = count && strcmp(words[0], "-") ? words[0] : NULL;
	struct stat former;
	bool replaces = path && (stat(path, &former) < 0 || S_ISREG(former.st_mode));
	size_t saved = 0;
	struct err err;
	int r;

	if (count > 1)
		return cli_usage(&cmd_save, "'%s' is one word too many", words[1]);
	r = pins_open(options->bpffs, &pins, &err);
	if (r == -ENOENT && !*err.text)
		r = err_set(&err, r, "nothing to save: no addresses were ever added");
	if (!r)
		r = entry_read_all(&pins, 0, &table, &err);
	if (!r && replaces)
		r = save_file(&pins, &table, path, &saved, &err);
	else if (!r && path)
		r = save_through(&pins, &table, path, &saved, &err);
	else if (!r)
		r = save_rows(&pins, &table, stdout, &saved, &err);
	if (r < 0)
		return cli_fail(&err);
	if (replaces && options->json)
		cli_print_json(json_pack("{s:I}", "saved", (json_int_t)saved));
	else if (replaces)
		text_print(stdout, "%zu address%s saved to %s\n", saved, report_plural(saved),
			   path);
	return CLI_DONE;
}

const struct cli_command cmd_save = {
	.name = "save",
	.words = "[FILE]",
	.summary = "Write the addresses added by hand, as import reads them back",
	.details =
		"Writes to standard output, or replaces FILE as a whole or not at all, keeping its mode\n"
		"and owner; a device or a pipe is written to. Addresses are lost on reboot: save before,\n"
		"import after.\n\n"
		"Examples:\n"
		"  " CLI_NAME " save /etc/xdp-l2resp/addresses\n"
		"  " CLI_NAME " save | grep 'dev eth1' > eth1.addresses\n",
	.run = save_run,
};
