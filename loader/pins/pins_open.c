// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <linux/magic.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "clock.h"
#include "control_object.h"
#include "denied.h"
#include "link.h"
#include "pin.h"
#include "pins_meta.h"
#include "pins.h"
#include "pins_create.h"
#include "prog.h"
#include "signals.h"

/* How long a reader waits for a writer to create missing pins. */
#define WRITER_WAIT_NS (5 * CLOCK_NS_PER_S)

const char *pins_pin_name(enum maps_index map)
{
	return map == MAPS_TRACE_CONTROL ? "trace_control" : maps_name(map);
}

static void close_maps(struct pins *pins)
{
	for (int i = 0; i < MAPS_COUNT; i++) {
		if (pins->maps.fd[i] >= 0)
			close(pins->maps.fd[i]);
		pins->maps.fd[i] = -1;
	}
}

void pins_close(struct pins *pins)
{
	close_maps(pins);
	if (pins->lock_fd >= 0)
		close(pins->lock_fd);
	*pins = PINS_NONE;
}

int pins_path(const struct pins *pins, enum maps_index map, const char *suffix, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s%s", pins->maps.dir, pins_pin_name(map), suffix) <
			       PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

int pins_is_pinned(const struct pins *pins, enum maps_index map)
{
	char path[PATH_MAX];
	uint32_t id;
	int r = pins_path(pins, map, "", path);

	if (!r)
		r = pin_map_id(path, &id);
	return r < 0 ? r : id == pins_map_id(pins, map);
}

/* Checks that @bpffs is a BPF file system with nothing else in place of our directories, and sets
 * pins->maps.dir and its parent directory. */
static int pins_locate(const char *bpffs, struct pins *pins, char ret_parent[PATH_MAX],
		       struct err *err)
{
	char root[PATH_MAX];
	struct statfs fs;
	struct stat st;

	/* absolute, since the program carries the path for commands in other directories */
	if (!realpath(bpffs, root) || statfs(root, &fs) < 0 || stat(root, &st) < 0)
		return err_set(err, negative_errno(), "%s: %s", bpffs, strerror(errno));
	if (fs.f_type != BPF_FS_MAGIC)
		return err_set(err, -ENODEV,
			       "no BPF file system at %s; mount one with: mount -t bpf bpf %s",
			       bpffs, bpffs);
	pins->maps.bpffs_dev = st.st_dev;
	if (snprintf(ret_parent, PATH_MAX, "%s/xdp-l2resp", root) >= PATH_MAX ||
	    snprintf(pins->maps.dir, PATH_MAX, "%s/xdp-l2resp/v%d", root, L2RESP_SCHEMA_VERSION) >=
		    PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "%s: %s", bpffs, strerror(ENAMETOOLONG));
	return pin_check_directory(ret_parent, err) ?: pin_check_directory(pins->maps.dir, err);
}

/* Opens the directory that writers lock. -ENOENT without a message: it doesn't exist. */
static int open_parent(const char *parent, struct stat *ret_stat, struct err *err)
{
	/* O_NOFOLLOW: on a world-writable file system, a dangling symbolic link would be neither
	 * absent nor usable, for ever */
	_cleanup_close_ int fd = open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, ret_stat) < 0)
		return pin_err(err, negative_errno(), parent);
	/* its owner could keep it locked, and move the pins */
	if (pin_check_owner(parent, ret_stat, err) < 0)
		return -EPERM;
	return TAKE_FD(fd);
}

/*
 * Locks the directory, and creates it first if @create. flush --all removes it, and a writer that
 * waited for the lock then holds that of a removed directory: so repeat until the locked directory
 * is the one at @parent. @lock: for flock(); with LOCK_NB, -EAGAIN if another writer holds it.
 */
static int pins_lock(struct pins *pins, const char *parent, int lock, bool create, struct err *err)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct stat locked, current;

		if (create && mkdir(parent, 0700) < 0 && errno != EEXIST)
			return pin_err(err, negative_errno(), parent);
		fd = open_parent(parent, &locked, err);
		if (fd == -ENOENT && create)
			continue;
		if (fd < 0)
			return fd;
		while (flock(fd, lock) < 0) {
			if (errno == EWOULDBLOCK)
				return err_set(err, -EAGAIN, "another writer has %s locked",
					       parent);
			if (errno != EINTR)
				return pin_err(err, negative_errno(), parent);
		}
		if (stat(parent, &current) < 0 || current.st_ino != locked.st_ino ||
		    current.st_dev != locked.st_dev)
			continue;
		/* a caller that doesn't wait handles signals in its event loop */
		if (!(lock & LOCK_NB))
			signals_hold();
		pins->lock_fd = TAKE_FD(fd);
		return 0;
	}
}

/* Checks that the map @fd has the layout of @expected. Only the size of the addresses' maps may
 * differ. */
static int map_check(const struct pins *pins, enum maps_index map, int fd,
		     const struct bpf_map *expected, uint32_t *ret_max_entries, struct err *err)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	bool same;

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return err_set(err, negative_errno(), "%s/%s: %s", pins->maps.dir,
			       pins_pin_name(map), strerror(errno));
	same = info.type == bpf_map__type(expected) &&
	       info.key_size == bpf_map__key_size(expected) &&
	       info.value_size == bpf_map__value_size(expected) &&
	       info.map_flags == bpf_map__map_flags(expected) &&
	       (pins_map_grows(map) || map == MAPS_CONFLICTS ||
		info.max_entries == bpf_map__max_entries(expected));
	if (!same)
		return err_set(err, -EPROTO,
			       "%s/%s has another layout than this version's; run `xdp-l2resp "
			       "detach --all` and `flush --all` of the version that created it, or "
			       "remove it if none did",
			       pins->maps.dir, pins_pin_name(map));
	*ret_max_entries = info.max_entries;
	return 0;
}

/* Opens and checks one pin. -ENOENT without a message: it is missing. */
static int open_one(struct pins *pins, enum maps_index map, const struct bpf_map *expected,
		    struct err *err)
{
	_cleanup_close_ int fd = -1;
	uint32_t max_entries = 0;
	char path[PATH_MAX];
	int r = pins_path(pins, map, "", path);

	if (r < 0)
		return err_set(err, r, "%s: %s", pins->maps.dir, strerror(-r));
	fd = pin_open(path, err);
	if (fd < 0)
		return fd;
	r = map_check(pins, map, fd, expected, &max_entries, err);
	if (r < 0)
		return r;
	pins->maps.fd[map] = TAKE_FD(fd);
	if (pins_map_grows(map))
		pins->room[map - MAPS_RESPONDER_V4] = max_entries;
	return 0;
}

/* Opens and checks the existing pins. Returns their number, or the first negative errno with @err;
 * the pins that are good are open then, too. */
static int pins_open_present(struct pins *pins, const struct control_bpf *control, struct err *err)
{
	int present = 0, failed = 0;
	struct err ignored;

	for (enum maps_index map = 0; map < MAPS_COUNT; map++) {
		int r = open_one(pins, map,
				 bpf_object__find_map_by_name(control->obj, maps_name(map)),
				 failed ? &ignored : err);

		present += !r;
		if (r < 0 && r != -ENOENT)
			failed = failed ?: r;
	}
	return failed ?: present;
}

/* Checks that the pins belong to the caller's network namespace, or to one whose programs are gone;
 * sets pins->orphaned then. */
static int pins_check_namespace(struct pins *pins, uint64_t netns_cookie, struct err *err)
{
	struct pins_meta meta;
	int r = meta_read(pins->maps.fd[MAPS_META], pins->maps.dir, &meta, err);

	if (r < 0)
		return r;
	if (meta.schema_version != L2RESP_SCHEMA_VERSION)
		return err_set(err, -EPROTONOSUPPORT,
			       "%s/%s is of schema version %u, this program's is %d; remove it, "
			       "so that it is created again",
			       pins->maps.dir, pins_pin_name(MAPS_META), meta.schema_version,
			       L2RESP_SCHEMA_VERSION);
	pins->unsettled = meta.unsettled;
	pins->max_entries = meta.max_entries;
	if (meta.netns_cookie == netns_cookie)
		return 0;
	r = prog_uses_map(pins_map_id(pins, MAPS_COUNTERS));
	if (r < 0)
		return denied_add(err, err_set(err, r, "asking for the loaded programs: %s",
					       strerror(-r)));
	if (r)
		return err_set(
			err, -EXDEV,
			"%s serves another network namespace, and its program still runs; give this "
			"one a BPF file system of its own with --bpffs. If an interface came from "
			"there with the program, run `xdp-l2resp detach` of it; if that namespace "
			"is gone, run xdp-loader clean",
			pins->maps.dir);
	pins->orphaned = true;
	return 0;
}

/*
 * For a reader that misses pins. If no program runs, a writer is creating them, or was killed while
 * it did: returns -ENOENT. If one runs, somebody removed them: returns -EUCLEAN with @err.
 */
static int err_missing(const struct pins *pins, struct err *err)
{
	char names[256] = "";
	bool used = false;

	for (enum maps_index map = 0; map < MAPS_COUNT; map++) {
		size_t length = strlen(names);

		if (pins->maps.fd[map] >= 0)
			used = used || prog_uses_map(pins_map_id(pins, map)) > 0;
		else
			snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "",
				 pins_pin_name(map));
	}
	if (!used)
		return -ENOENT;
	return err_set(
		err, -EUCLEAN,
		"%s lacks the pin of %s, while the program runs; `xdp-l2resp attach IFACE` creates "
		"it again",
		pins->maps.dir, names);
}

int pins_set_unsettled(struct pins *pins, bool unsettled, struct err *err)
{
	struct pins_meta meta;
	int r = meta_read(pins->maps.fd[MAPS_META], pins->maps.dir, &meta, err);

	meta.unsettled = unsettled;
	r = r ?: meta_write(pins->maps.fd[MAPS_META], pins->maps.dir, &meta, err);
	if (!r)
		pins->unsettled = unsettled;
	return r;
}

/* @lock: 0: don't lock; else for flock(). @former may be NULL. */
static int pins_do_open(const char *bpffs, int lock, bool create, uint32_t max_entries,
			const struct pins *former, struct pins *pins, struct err *err)
{
	_cleanup_(control_close) struct control_bpf *control = NULL;
	uint64_t netns_cookie;
	char parent[PATH_MAX];
	int r, present;

	err->text[0] = '\0';
	r = pins_locate(bpffs, pins, parent, err);
	if (r < 0)
		return r;
	r = link_netns_cookie(&netns_cookie, err);
	if (r < 0)
		return r;
	if (lock) {
		r = pins_lock(pins, parent, lock, create, err);
		if (!r && former)
			r = pins_restore(pins, former, err);
		if (r < 0)
			return r;
	}
	r = control_open(&control, err);
	if (r < 0)
		return r;
	present = pins_open_present(pins, control, err);
	if (!present && !create)
		return -ENOENT;
	pins->created = !present;
	if (pins->maps.fd[MAPS_META] >= 0) {
		r = pins_check_namespace(pins, netns_cookie, err);
		if (r < 0)
			return r;
	}
	if (present < 0)
		return present;
	if (present == MAPS_COUNT)
		return 0;
	if (!lock)
		return err_missing(pins, err);
	if (!pins->max_entries)
		pins->max_entries = max_entries ?: L2RESP_DEFAULT_MAX_ENTRIES;
	for (enum maps_index map = 0; map < MAPS_COUNT && present; map++)
		pins->remade |= (uint32_t)(pins->maps.fd[map] < 0) << map;
	r = pins_create_absent(pins, control, netns_cookie, err);
	/* a program may still read a map whose pin was removed and created again */
	return !r && present ? pins_set_unsettled(pins, true, err) : r;
}

static int pins_open_as(const char *bpffs, int lock, bool create, uint32_t max_entries,
			const struct pins *former, struct pins *ret_pins, struct err *err)
{
	struct pins pins = PINS_NONE;
	int r = pins_do_open(bpffs, lock, create, max_entries, former, &pins, err);

	if (r < 0) {
		pins_undo_create(&pins);
		pins_close(&pins);
		return r;
	}
	*ret_pins = pins;
	return 0;
}

/* Waits for the running writer, and locks out others. Returns the lock, which the caller closes, or
 * -1 after WRITER_WAIT_NS, or if there is no directory to lock. */
static int lock_out_writers(const char *bpffs)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	uint64_t deadline_ns = clock_boot_ns() + WRITER_WAIT_NS;
	struct pins pins = PINS_NONE;
	char parent[PATH_MAX];
	struct err ignored;
	struct stat stat;
	int lock = -1;

	if (!pins_locate(bpffs, &pins, parent, &ignored))
		lock = open_parent(parent, &stat, &ignored);
	while (lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) < 0) {
		if (clock_boot_ns() >= deadline_ns) {
			close(lock);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return lock;
}

/* Opens for reading. If pins are missing, a writer may be creating them: tries again after it. */
static int pins_do_read(const char *bpffs, struct pins *pins, struct err *err)
{
	_cleanup_close_ int lock = -1;
	int r = pins_do_open(bpffs, 0, false, 0, NULL, pins, err);

	if (r != -EUCLEAN)
		return r;
	lock = lock_out_writers(bpffs);
	pins_close(pins);
	return pins_do_open(bpffs, 0, false, 0, NULL, pins, err);
}

int pins_open(const char *bpffs, struct pins *ret_pins, struct err *err)
{
	struct pins pins = PINS_NONE;
	int r = pins_do_read(bpffs, &pins, err);

	if (r < 0)
		pins_close(&pins);
	else
		*ret_pins = pins;
	return r;
}

int pins_open_now(const char *bpffs, struct pins *ret_pins, struct err *err)
{
	return pins_open_as(bpffs, 0, false, 0, NULL, ret_pins, err);
}

int pins_open_some(const char *bpffs, struct pins *ret_pins, struct err *err)
{
	struct pins pins = PINS_NONE;
	int r = pins_do_read(bpffs, &pins, err);

	/* of another schema or network namespace they would be misread */
	if (r < 0 && r != -EUCLEAN && (r != -EPROTO || pins.maps.fd[MAPS_META] < 0))
		close_maps(&pins);
	*ret_pins = pins;
	return r;
}

int pins_open_locked(const char *bpffs, uint32_t max_entries, struct pins *ret_pins,
		     struct err *err)
{
	return pins_open_as(bpffs, LOCK_EX, true, max_entries, NULL, ret_pins, err);
}

int pins_try_open_locked(const char *bpffs, const struct pins *former, struct pins *ret_pins,
			 struct err *err)
{
	return pins_open_as(bpffs, LOCK_EX | LOCK_NB, true, former->max_entries, former, ret_pins,
			    err);
}

int pins_open_locked_existing(const char *bpffs, struct pins *ret_pins, struct err *err)
{
	return pins_open_as(bpffs, LOCK_EX, false, 0, NULL, ret_pins, err);
}

const int *pins_responders(const struct pins *pins)
{
	return &pins->maps.fd[MAPS_RESPONDER_V4];
}

/* Removes the locked directory if it is empty. Returns as rmdir(). */
static int pins_remove_parent(const struct pins *pins)
{
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%.*s",
		 (int)(strrchr(pins->maps.dir, '/') - pins->maps.dir), pins->maps.dir);
	return rmdir(parent);
}

int pins_remove(struct pins *pins, struct err *err)
{
	char path[PATH_MAX], beside[PATH_MAX];

	for (enum maps_index map = 0; map < MAPS_COUNT; map++) {
		if (pins_map_grows(map) && !pins_path(pins, map, PINS_GROWING, beside))
			unlink(beside);
		if (pins_path(pins, map, "", path) < 0 || (unlink(path) < 0 && errno != ENOENT))
			return pin_err(err, negative_errno(), path);
	}
	if (rmdir(pins->maps.dir) < 0 && errno != ENOENT)
		return pin_err(err, negative_errno(), pins->maps.dir);
	return pins_remove_parent(pins) < 0 ? pin_err(err, negative_errno(), pins->maps.dir) : 0;
}

void pins_undo_create(struct pins *pins)
{
	struct err ignored;

	if (pins->lock_fd < 0)
		return;
	if (pins->created)
		pins_remove(pins, &ignored);
	else
		pins_remove_parent(pins); /* fails if it is in use, and isn't empty then */
}
