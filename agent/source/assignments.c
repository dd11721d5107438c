// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <jansson.h>

#include "alloc.h"
#include "assignments.h"
#include "cleanup.h"
#include "document.h"
#include "json.h"
#include "write_all.h"

#define VERSION 1
/* 50,000 Services with 130,000 addresses take less. */
#define FILE_LIMIT (32UL << 20)

struct assignment {
	char *namespace;
	char *name;
	struct address_list addresses;
	char *text; /* its JSON in the file; NULL: it was read */
};

static int compare(const void *a, const void *b)
{
	const struct assignment *left = a, *right = b;
	int order = strcmp(left->namespace, right->namespace);

	return order ? order : strcmp(left->name, right->name);
}

static void assignment_free(void *at)
{
	struct assignment *assignment = at;

	address_list_free(&assignment->addresses);
	free(assignment->namespace);
	free(assignment->name);
	free(assignment->text);
	free(assignment);
}

void assignments_free(struct assignments *assignments)
{
	tdestroy(assignments->tree, assignment_free);
	*assignments = (struct assignments){};
}

static struct assignment *find(const struct assignments *assignments, const char *namespace,
			       const char *name)
{
	const struct assignment key = { .namespace = (char *)namespace, .name = (char *)name };
	struct assignment **found = tfind(&key, &assignments->tree, compare);

	return found ? *found : NULL;
}

const struct address_list *assignments_get(const struct assignments *assignments,
					   const char *namespace, const char *name)
{
	const struct assignment *found = find(assignments, namespace, name);

	return found ? &found->addresses : NULL;
}

static char *encode(const struct assignment *assignment)
{
	const struct address_list *addresses = &assignment->addresses;
	_cleanup_json_ json_t *object = NULL;
	json_t *list = json_array();
	char ip[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < addresses->count; i++)
		json_array_append_new(list, json_string(address_format(&addresses->list[i], ip)));
	object = json_pack("{s:s, s:s, s:o}", "namespace", assignment->namespace, "name",
			   assignment->name, "addresses", list);
	return json_dumps(object, 0);
}

static struct assignment *add(struct assignments *assignments, const char *namespace,
			      const char *name, const struct address_list *addresses)
{
	struct assignment *assignment = xcalloc(1, sizeof(*assignment));

	assignment->namespace = xstrdup(namespace);
	assignment->name = xstrdup(name);
	address_list_add_all(&assignment->addresses, addresses);
	if (!tsearch(assignment, &assignments->tree, compare))
		alloc_fail();
	assignments->count++;
	return assignment;
}

void assignments_set(struct assignments *assignments, const char *namespace, const char *name,
		     const struct address_list *addresses)
{
	struct assignment *old = find(assignments, namespace, name), *assignment;

	if (old) {
		tdelete(old, &assignments->tree, compare);
		assignment_free(old);
		assignments->count--;
	}
	if (!addresses->count)
		return;
	assignment = add(assignments, namespace, name, addresses);
	assignment->text = encode(assignment);
}

static bool name_valid(const char *name)
{
	return *name && strlen(name) <= 253 && !strpbrk(name, "/ \t\n");
}

static int parse_assignment(json_t *object, struct assignments *assignments, struct err *err)
{
	_cleanup_(address_list_free) struct address_list addresses = {};
	const char *namespace, *name;
	json_t *list, *item;
	json_error_t error;
	size_t i;

	if (json_unpack_ex(object, &error, JSON_STRICT, "{s:s, s:s, s:o}", "namespace", &namespace,
			   "name", &name, "addresses", &list) < 0 ||
	    !name_valid(namespace) || !name_valid(name) || !json_array_size(list))
		return err_set(err, -EINVAL, "an assignment has no namespace, name and addresses");
	if (find(assignments, namespace, name))
		return err_set(err, -EINVAL, "%s/%s appears twice", namespace, name);
	json_array_foreach(list, i, item)
	{
		struct address address;
		struct err ignored;

		if (!json_is_string(item) ||
		    addr_parse(json_string_value(item), &address, &ignored))
			return err_set(err, -EINVAL, "%s/%s has an invalid address", namespace,
				       name);
		if (address_list_has(&addresses, &address))
			return err_set(err, -EINVAL, "%s/%s has an address twice", namespace, name);
		address_list_add(&addresses, &address);
	}
	add(assignments, namespace, name, &addresses);
	return 0;
}

static int parse_file(json_t *root, struct assignments *assignments, struct err *err)
{
	json_t *list, *item;
	json_error_t error;
	int version;
	size_t i;

	if (json_unpack_ex(root, &error, JSON_STRICT, "{s:i, s:o}", "version", &version,
			   "assignments", &list) < 0 ||
	    !json_is_array(list))
		return err_set(err, -EINVAL, "it has no version and assignments");
	if (version != VERSION)
		return err_set(err, -EINVAL, "its version is %d, not %d", version, VERSION);
	json_array_foreach(list, i, item)
	{
		int r = parse_assignment(item, assignments, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int assignments_read(const char *path, struct assignments *ret_assignments, struct err *err)
{
	_cleanup_json_ json_t *root = NULL;
	_cleanup_free_ char *text = NULL;
	json_error_t error;
	struct err detail;
	size_t size;
	int r = yaml_read_file(path, FILE_LIMIT, &text, &size, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (root)
		r = parse_file(root, ret_assignments, &detail);
	else
		r = err_set(&detail, -EINVAL, "line %d: %s", error.line, error.text);
	if (!r)
		return 0;
	assignments_free(ret_assignments);
	return err_set(err, r,
		       "%s isn't a valid assignments file: %s; pools assign no address until it is "
		       "repaired or, if all addresses may change, removed",
		       path, detail.text);
}

struct writing {
	FILE *file;
	const char *separator;
};

static void visit_write(const void *node, VISIT visit, void *data)
{
	const struct assignment *assignment = *(const struct assignment *const *)node;
	struct writing *writing = data;
	_cleanup_free_ char *made = NULL;

	if (visit != postorder && visit != leaf)
		return;
	if (!assignment->text)
		made = encode(assignment);
	fputs(writing->separator, writing->file);
	fputs(made ?: assignment->text, writing->file);
	writing->separator = ",\n  ";
}

/* The file's contents; the caller frees them. */
static char *join(const struct assignments *assignments, size_t *ret_size)
{
	struct writing writing = { .separator = "\n  " };
	char *text;

	writing.file = xopen_memstream(&text, ret_size);
	fprintf(writing.file, "{\n \"version\": %d,\n \"assignments\": [", VERSION);
	twalk_r(assignments->tree, visit_write, &writing);
	fprintf(writing.file, "\n ]\n}\n");
	xclose_memstream(writing.file, &text);
	return text;
}

/* The file's directory entry must be on the disk too. */
static int sync_directory(const char *path)
{
	_cleanup_free_ char *copy = xstrdup(path);
	_cleanup_close_ int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? negative_errno() : 0;
}

int assignments_write(const char *path, const struct assignments *assignments, struct err *err)
{
	size_t size;
	_cleanup_free_ char *text = join(assignments, &size);
	_cleanup_close_ int fd = -1;
	char beside[PATH_MAX];
	int r;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
		return err_set(err, -ENAMETOOLONG, "%s: %s", path, strerror(ENAMETOOLONG));
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
	if (fd < 0)
		return err_set(err, negative_errno(), "%s: %s", beside, strerror(errno));
	r = write_all(fd, text, size);
	if (!r && (fsync(fd) < 0 || rename(beside, path) < 0))
		r = negative_errno();
	if (r < 0)
		unlink(beside);
	else
		r = sync_directory(path);
	return r < 0 ? err_set(err, r, "%s: %s", path, strerror(-r)) : 0;
}
