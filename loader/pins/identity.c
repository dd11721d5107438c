// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <bpf/bpf.h>

#include "cleanup.h"
#include "identity.h"
#include "pin.h"

#define PIN_NAME "xdp-l2respd"

/* The pinned map's only value. */
struct identity_value {
	uint8_t id[IDENTITY_ID_DIGITS / 2];
	uint32_t drained;
	char node[IDENTITY_NODE_MAX + 1];
};

static int read_value(int fd, struct identity_value *ret_value)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info), key = 0;

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return negative_errno();
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(*ret_value))
		return -EPROTO;
	if (bpf_map_lookup_elem(fd, &key, ret_value) < 0)
		return negative_errno();
	ret_value->node[IDENTITY_NODE_MAX] = '\0';
	return 0;
}

static int write_value(int fd, const struct identity_value *value)
{
	uint32_t key = 0;

	return bpf_map_update_elem(fd, &key, value, BPF_ANY) < 0 ? negative_errno() : 0;
}

/* As pin_open() for the pin below @bpffs, whose path is @path then; -EPERM with @err also if
 * another user may have pinned a map there. */
static int open_pin(const char *bpffs, char path[PATH_MAX], struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat stat;

	snprintf(path, PATH_MAX, "%s/" PIN_NAME, bpffs);
	fd = pin_open(path, err);
	if (fd < 0)
		return fd;
	if (lstat(path, &stat) < 0)
		return pin_err(err, negative_errno(), path);
	return pin_check_owner(path, &stat, err) ?: TAKE_FD(fd);
}

/* Creates a map with a new id, and pins it at @path when its value is written. */
static int create_pin(const char *path, struct err *err)
{
	_cleanup_close_ int fd =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, "l2resp_agent", sizeof(uint32_t),
			       sizeof(struct identity_value), 1, NULL);
	struct identity_value value = {};

	if (fd < 0 || getrandom(value.id, sizeof(value.id), 0) != sizeof(value.id) ||
	    write_value(fd, &value) < 0 || bpf_obj_pin(fd, path) < 0)
		return pin_err(err, negative_errno(), path);
	return TAKE_FD(fd);
}

void identity_read_node(const char *bpffs, char ret_node[IDENTITY_NODE_MAX + 1])
{
	struct identity_value value = {};
	char path[PATH_MAX];
	struct err ignored;
	_cleanup_close_ int fd = open_pin(bpffs, path, &ignored);

	if (fd >= 0)
		read_value(fd, &value);
	snprintf(ret_node, IDENTITY_NODE_MAX + 1, "%s", value.node);
}

int identity_open(const char *bpffs, const char *node, struct identity *ret_identity,
		  struct err *err)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = open_pin(bpffs, path, err);
	struct identity identity = {};
	struct identity_value value = {};
	int r;

	if (fd == -ENOENT)
		fd = create_pin(path, err);
	if (fd < 0)
		return fd;
	r = read_value(fd, &value);
	if (r == -EPROTO)
		return err_set(err, r, "%s is another map than the agent's; remove it", path);
	snprintf(value.node, sizeof(value.node), "%s", node);
	r = r ?: write_value(fd, &value);
	if (r < 0)
		return pin_err(err, r, path);
	for (size_t i = 0; i < sizeof(value.id); i++)
		snprintf(identity.id + 2 * i, 3, "%02x", value.id[i]);
	identity.drained = value.drained;
	identity.fd = TAKE_FD(fd);
	*ret_identity = identity;
	return 0;
}

void identity_close(struct identity *identity)
{
	if (identity->fd > 0)
		close(identity->fd);
	identity->fd = -1;
}

int identity_restore(const char *bpffs, const struct identity *identity)
{
	char path[PATH_MAX];
	struct err ignored;
	_cleanup_close_ int fd = open_pin(bpffs, path, &ignored);

	return fd == -ENOENT && !bpf_obj_pin(identity->fd, path);
}

int identity_set_drained(struct identity *identity, bool drained, struct err *err)
{
	struct identity_value value;
	int r = read_value(identity->fd, &value);

	value.drained = drained;
	r = r ?: write_value(identity->fd, &value);
	if (r < 0)
		return err_set(err, r, "storing the drain: %s", strerror(-r));
	identity->drained = drained;
	return 0;
}
