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
#include <linux/magic.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "control_object.h"
#include "link.h"
#include "pins.h"
#include "prog.h"
#include "signals.h"

static const char *const map_names[PINS_MAP_COUNT] = {
	[PINS_META] = "meta",
	[PINS_DEVICES] = "devices",
	[PINS_LEASES] = "leases",
	[PINS_COUNTERS] = "counters",
	[PINS_CONFLICTS] = "conflicts",
	[PINS_VLANS] = "vlans",
	[PINS_EVENTS] = "events",
	[PINS_TRACE] = "trace",
	[PINS_TRACE_CONTROL] = ".data.trace", /* libbpf's map of a section bears its name */
	[PINS_FILTERS] = "filters",
	[PINS_RESPONDER_V4] = "responder_v4",
	[PINS_RESPONDER_V6] = "responder_v6",
};

/* bpffs reserves dots. */
static const char *pin_name(enum pins_map map)
{
	return map == PINS_TRACE_CONTROL ? "trace_control" : map_names[map];
}

static bool pin_has_own_size(enum pins_map map)
{
	return map >= PINS_RESPONDER_V4 && map <= PINS_RESPONDER_V6;
}

/* Of the pin of a map until it takes the place of the one without. */
#define GROWING "_growing"

/*
 * An LRU map hands free elements to CPUs 128 at a time (LOCAL_FREE_TARGET in
 * kernel/bpf/bpf_lru_list.c), and forgets old ones when it has none left for a CPU, whatever the
 * others hold.
 */
#define LRU_FREE_PER_CPU 128

static uint32_t conflicts_size(void)
{
	int cpus = libbpf_num_possible_cpus();

	return L2RESP_MAX_CONFLICTS + (cpus > 0 ? cpus : 0) * LRU_FREE_PER_CPU;
}

_Static_assert(PINS_RESPONDER_V6 - PINS_RESPONDER_V4 == PINS_V6 - PINS_V4, "one follows the other");

static enum pins_map family_map(enum pins_family family)
{
	return PINS_RESPONDER_V4 + family;
}

const char *pins_map_name(enum pins_map map)
{
	return map_names[map];
}

uint32_t pins_map_id(const struct pins *pins, enum pins_map map)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(pins->fd[map], &info, &size) ? 0 : info.id;
}

void pins_close(struct pins *pins)
{
	for (int i = 0; i < PINS_MAP_COUNT; i++)
		if (pins->fd[i] >= 0)
			close(pins->fd[i]);
	if (pins->lock_fd >= 0)
		close(pins->lock_fd);
	*pins = PINS_NONE;
}

static int pin_path(const struct pins *pins, enum pins_map map, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", pins->dir, pin_name(map)) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

int pins_is_pinned(const struct pins *pins, enum pins_map map)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;

	if (pin_path(pins, map, path) < 0)
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return negative_errno();
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return negative_errno();
	return info.id == pins_map_id(pins, map);
}

/* Sets pins->dir and the directory above it in @ret_parent, once @bpffs is known to be a BPF file
 * system. */
static int pins_locate(const char *bpffs, struct pins *pins, char ret_parent[PATH_MAX],
		       struct err *err)
{
	char root[PATH_MAX];
	struct statfs fs;
	struct stat st;

	/* absolute: the program carries the path, for loaders that are started elsewhere */
	if (!realpath(bpffs, root) || statfs(root, &fs) < 0 || stat(root, &st) < 0)
		return err_set(err, negative_errno(), "%s: %s", bpffs, strerror(errno));
	if (fs.f_type != BPF_FS_MAGIC)
		return err_set(err, -ENODEV,
			       "no BPF file system at %s; mount one with: mount -t bpf bpf %s",
			       bpffs, bpffs);
	pins->bpffs_dev = st.st_dev;
	if (snprintf(ret_parent, PATH_MAX, "%s/xdp-l2resp", root) >= PATH_MAX ||
	    snprintf(pins->dir, PATH_MAX, "%s/xdp-l2resp/v%d", root, L2RESP_SCHEMA_VERSION) >=
		    PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "%s: %s", bpffs, strerror(ENAMETOOLONG));
	return 0;
}

static int err_access(struct err *err, int error, const char *path)
{
	if (error == -EPERM || error == -EACCES)
		return err_set(err, error, "%s: %s; run it as root", path, strerror(-error));
	return err_set(err, error, "%s: %s", path, strerror(-error));
}

/*
 * Makes the directory if @create, and locks it. flush --all removes it, and whoever waited for the
 * lock meanwhile holds one of a directory that is gone: look again until the locked one is the one
 * at @parent. @lock as flock() takes it; -EAGAIN with LOCK_NB, where another writer has it.
 */
static int pins_lock(struct pins *pins, const char *parent, int lock, bool create, struct err *err)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct stat locked, there;

		if (create && mkdir(parent, 0700) < 0 && errno != EEXIST)
			return err_access(err, negative_errno(), parent);
		fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT) {
			if (create)
				continue;
			return -ENOENT;
		}
		if (fd < 0)
			return err_access(err, negative_errno(), parent);
		while (flock(fd, lock) < 0) {
			if (errno == EWOULDBLOCK)
				return err_set(err, -EAGAIN, "another writer has %s locked",
					       parent);
			if (errno != EINTR)
				return err_access(err, negative_errno(), parent);
		}
		if (fstat(fd, &locked) < 0)
			return err_access(err, negative_errno(), parent);
		if (stat(parent, &there) < 0 || there.st_ino != locked.st_ino ||
		    there.st_dev != locked.st_dev)
			continue;
		/* who doesn't wait has a loop that takes them */
		if (!(lock & LOCK_NB))
			signals_hold();
		pins->lock_fd = fd;
		fd = -1;
		return 0;
	}
}

/* Is the map at @fd laid out as @wanted? Only the addresses' maps have a size of their own
 * choosing.
 */
static int map_check(const struct pins *pins, enum pins_map map, int fd,
		     const struct bpf_map *wanted, uint32_t *ret_max_entries, struct err *err)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	bool same;

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return err_set(err, negative_errno(), "%s/%s: %s", pins->dir, pin_name(map),
			       strerror(errno));
	same = info.type == bpf_map__type(wanted) && info.key_size == bpf_map__key_size(wanted) &&
	       info.value_size == bpf_map__value_size(wanted) &&
	       info.map_flags == bpf_map__map_flags(wanted) &&
	       (pin_has_own_size(map) || map == PINS_CONFLICTS ||
		info.max_entries == bpf_map__max_entries(wanted));
	if (!same)
		return err_set(err, -EPROTO,
			       "%s/%s has another layout than this version's; run `xdp-l2resp "
			       "detach --all` and `flush --all` of the version that made it",
			       pins->dir, pin_name(map));
	*ret_max_entries = info.max_entries;
	return 0;
}

/* Opens every pin that is there, checked. Returns how many, or a negative errno. */
static int pins_open_present(struct pins *pins, const struct control_bpf *control, struct err *err)
{
	int present = 0;

	for (enum pins_map map = 0; map < PINS_MAP_COUNT; map++) {
		const struct bpf_map *wanted;
		uint32_t max_entries = 0;
		char path[PATH_MAX];
		int r = pin_path(pins, map, path);

		if (r < 0)
			return err_set(err, r, "%s: %s", pins->dir, strerror(-r));
		wanted = bpf_object__find_map_by_name(control->obj, map_names[map]);
		pins->fd[map] = bpf_obj_get(path);
		if (pins->fd[map] < 0 && errno == ENOENT)
			continue;
		if (pins->fd[map] < 0)
			return err_access(err, negative_errno(), path);
		r = map_check(pins, map, pins->fd[map], wanted, &max_entries, err);
		if (r < 0)
			return r;
		if (pin_has_own_size(map))
			pins->room[map - PINS_RESPONDER_V4] = max_entries;
		present++;
	}
	return present;
}

static int stamp_forever(int leases_fd)
{
	uint32_t slot = L2RESP_LEASE_FOREVER;
	struct lease_stamp forever = { .deadline_ns = UINT64_MAX };

	return bpf_map_update_elem(leases_fd, &slot, &forever, BPF_ANY);
}

static int meta_read(const struct pins *pins, struct pins_meta *ret_meta, struct err *err)
{
	uint32_t slot = 0;

	if (bpf_map_lookup_elem(pins->fd[PINS_META], &slot, ret_meta) < 0)
		return err_set(err, negative_errno(), "%s/meta: %s", pins->dir, strerror(errno));
	return 0;
}

static int meta_write(const struct pins *pins, int meta_fd, const struct pins_meta *meta,
		      struct err *err)
{
	uint32_t slot = 0;

	if (bpf_map_update_elem(meta_fd, &slot, meta, BPF_ANY) < 0)
		return err_set(err, negative_errno(), "%s/meta: %s", pins->dir, strerror(errno));
	return 0;
}

/* Creates and pins the maps that aren't there. */
static int pins_create_absent(struct pins *pins, struct control_bpf *control, uint64_t netns_cookie,
			      struct err *err)
{
	uint32_t room =
		pins->max_entries < L2RESP_FIRST_ROOM ? pins->max_entries : L2RESP_FIRST_ROOM;
	const struct pins_meta meta = { .schema_version = L2RESP_SCHEMA_VERSION,
					.netns_cookie = netns_cookie,
					.max_entries = pins->max_entries };
	struct bpf_program *prog;
	int r;

	for (enum pins_map map = 0; map < PINS_MAP_COUNT; map++) {
		struct bpf_map *wanted = bpf_object__find_map_by_name(control->obj, map_names[map]);

		if (pins->fd[map] >= 0)
			r = bpf_map__reuse_fd(wanted, pins->fd[map]);
		else if (pin_has_own_size(map))
			r = bpf_map__set_max_entries(wanted, room);
		else if (map == PINS_CONFLICTS)
			r = bpf_map__set_max_entries(wanted, conflicts_size());
		else
			r = 0;
		if (r < 0)
			return err_set(err, r, "preparing map %s: %s", map_names[map],
				       strerror(-r));
	}
	/* only the maps are wanted here, made with their BTF */
	bpf_object__for_each_program(prog, control->obj) bpf_program__set_autoload(prog, false);
	r = control_bpf__load(control);
	if (r == -EPERM)
		return err_set(err, r, "creating the maps: %s; run it as root", strerror(-r));
	if (r < 0)
		return err_set(err, r, "creating the maps: %s", strerror(-r));
	if (pins->fd[PINS_LEASES] < 0)
		r = stamp_forever(bpf_map__fd(control->maps.leases));
	if (r < 0)
		return err_set(err, negative_errno(), "preparing the maps: %s", strerror(errno));
	if (pins->fd[PINS_META] < 0)
		r = meta_write(pins, bpf_map__fd(control->maps.meta), &meta, err);
	if (r < 0)
		return r;
	if (mkdir(pins->dir, 0700) < 0 && errno != EEXIST)
		return err_access(err, negative_errno(), pins->dir);
	for (enum pins_map map = 0; map < PINS_MAP_COUNT; map++) {
		struct bpf_map *made;
		char path[PATH_MAX];

		if (pins->fd[map] >= 0)
			continue;
		made = bpf_object__find_map_by_name(control->obj, map_names[map]);
		if (pin_path(pins, map, path) < 0 || bpf_obj_pin(bpf_map__fd(made), path) < 0)
			return err_access(err, negative_errno(), path);
		pins->fd[map] = fcntl(bpf_map__fd(made), F_DUPFD_CLOEXEC, 0);
		if (pins->fd[map] < 0)
			return err_set(err, negative_errno(), "%s: %s", path, strerror(errno));
		if (pin_has_own_size(map))
			pins->room[map - PINS_RESPONDER_V4] = bpf_map__max_entries(made);
	}
	return 0;
}

/* These pins belong to the caller's network namespace, or to one whose programs are gone (then
 * adopted, if writing). */
static int pins_check_namespace(struct pins *pins, uint64_t netns_cookie, struct err *err)
{
	struct pins_meta meta;
	int r = meta_read(pins, &meta, err);

	if (r < 0)
		return r;
	if (meta.schema_version != L2RESP_SCHEMA_VERSION)
		return err_set(err, -EPROTO, "%s is of schema version %u, this program's is %d",
			       pins->dir, meta.schema_version, L2RESP_SCHEMA_VERSION);
	pins->unsettled = meta.unsettled;
	pins->max_entries = meta.max_entries;
	if (meta.netns_cookie == netns_cookie)
		return 0;
	r = prog_uses_map(pins_map_id(pins, PINS_COUNTERS));
	if (r < 0)
		return err_set(err, r, "asking for the loaded programs: %s; run it as root",
			       strerror(-r));
	if (r)
		return err_set(err, -EXDEV,
			       "%s serves another network namespace, where its program still runs; "
			       "give this one a BPF file system of its own with --bpffs (or, where "
			       "that namespace is gone, run xdp-loader clean)",
			       pins->dir);
	pins->orphaned = true;
	return 0;
}

/*
 * For a reader: some pins aren't there. A writer that was killed as it made them left the rest out,
 * or is at it: that is nothing yet. Where the program runs somebody removed them.
 */
static int err_missing(const struct pins *pins, struct err *err)
{
	char names[256] = "";
	bool used = false;

	for (enum pins_map map = 0; map < PINS_MAP_COUNT; map++) {
		size_t length = strlen(names);

		if (pins->fd[map] >= 0)
			used = used || prog_uses_map(pins_map_id(pins, map)) > 0;
		else
			snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "",
				 pin_name(map));
	}
	if (!used)
		return -ENOENT;
	return err_set(err, -EUCLEAN,
		       "%s lacks the pin of %s, while the program runs; `xdp-l2resp attach` again "
		       "makes it anew",
		       pins->dir, names);
}

/* @lock: 0, or as flock() takes it. */
static int pins_do_open(const char *bpffs, int lock, bool create, uint32_t max_entries,
			struct pins *pins, struct err *err)
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
		if (r < 0)
			return r;
	}
	r = control_open(&control, err);
	if (r < 0)
		return r;
	present = pins_open_present(pins, control, err);
	if (present < 0)
		return present;
	if (!present && !create)
		return -ENOENT;
	pins->created = !present;
	if (pins->fd[PINS_META] >= 0) {
		r = pins_check_namespace(pins, netns_cookie, err);
		if (r < 0)
			return r;
	}
	if (present == PINS_MAP_COUNT)
		return 0;
	if (!lock)
		return err_missing(pins, err);
	if (!pins->max_entries)
		pins->max_entries = max_entries ?: L2RESP_DEFAULT_MAX_ENTRIES;
	r = pins_create_absent(pins, control, netns_cookie, err);
	/* a program may read the one that was pinned in a new one's place */
	return !r && present ? pins_set_unsettled(pins, true, err) : r;
}

static int pins_open_as(const char *bpffs, int lock, bool create, uint32_t max_entries,
			struct pins *ret_pins, struct err *err)
{
	struct pins pins = PINS_NONE;
	int r = pins_do_open(bpffs, lock, create, max_entries, &pins, err);

	if (r < 0) {
		pins_undo_create(&pins);
		pins_close(&pins);
		return r;
	}
	*ret_pins = pins;
	return 0;
}

int pins_open(const char *bpffs, struct pins *ret_pins, struct err *err)
{
	return pins_open_as(bpffs, 0, false, 0, ret_pins, err);
}

int pins_open_some(const char *bpffs, struct pins *ret_pins, struct err *err)
{
	struct pins pins = PINS_NONE;
	int r = pins_do_open(bpffs, 0, false, 0, &pins, err);

	if (r < 0 && r != -EUCLEAN)
		pins_close(&pins);
	else
		*ret_pins = pins;
	return r;
}

int pins_open_locked(const char *bpffs, uint32_t max_entries, struct pins *ret_pins,
		     struct err *err)
{
	return pins_open_as(bpffs, LOCK_EX, true, max_entries, ret_pins, err);
}

int pins_try_open_locked(const char *bpffs, struct pins *ret_pins, struct err *err)
{
	return pins_open_as(bpffs, LOCK_EX | LOCK_NB, true, 0, ret_pins, err);
}

int pins_open_locked_existing(const char *bpffs, struct pins *ret_pins, struct err *err)
{
	return pins_open_as(bpffs, LOCK_EX, false, 0, ret_pins, err);
}

const int *pins_responders(const struct pins *pins)
{
	return &pins->fd[PINS_RESPONDER_V4];
}

/* Loads nothing of @control but the maps of addresses that are to have room. */
static int load_responders(struct control_bpf *control, const uint32_t room[PINS_FAMILIES])
{
	struct bpf_map *maps[PINS_FAMILIES] = { control->maps.responder_v4,
						control->maps.responder_v6 };
	struct bpf_program *prog;
	struct bpf_map *map;

	bpf_object__for_each_program(prog, control->obj) bpf_program__set_autoload(prog, false);
	/* the skeleton maps sections into memory, so they must be there */
	bpf_object__for_each_map(map, control->obj)
		bpf_map__set_autocreate(map, bpf_map__is_internal(map));
	for (int family = 0; family < PINS_FAMILIES; family++)
		if (room[family]) {
			bpf_map__set_autocreate(maps[family], true);
			bpf_map__set_max_entries(maps[family], room[family]);
		}
	return control_bpf__load(control);
}

int pins_create_responders(const uint32_t room[PINS_FAMILIES], int ret_fds[PINS_FAMILIES],
			   struct err *err)
{
	_cleanup_(control_close) struct control_bpf *control = NULL;
	int fds[PINS_FAMILIES] = { -1, -1 }, r = control_open(&control, err);

	if (r < 0)
		return r;
	r = load_responders(control, room);
	if (r < 0)
		return err_set(err, r, "making room for %u IPv4 and %u IPv6 addresses: %s",
			       room[PINS_V4], room[PINS_V6], strerror(-r));
	for (int family = 0; family < PINS_FAMILIES && !r; family++) {
		const struct bpf_map *map =
			family == PINS_V4 ? control->maps.responder_v4 : control->maps.responder_v6;

		if (room[family])
			fds[family] = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);
		if (room[family] && fds[family] < 0)
			r = err_set(err, negative_errno(), "making a map: %s", strerror(errno));
	}
	if (r < 0)
		for (int family = 0; family < PINS_FAMILIES; family++)
			cleanup_close(&fds[family]);
	else
		memcpy(ret_fds, fds, sizeof(fds));
	return r;
}

/* Pins the map @fd where @map is pinned now. */
static int pin_over(const struct pins *pins, enum pins_map map, int fd, struct err *err)
{
	char path[PATH_MAX], beside[PATH_MAX];

	if (pin_path(pins, map, path) < 0 ||
	    snprintf(beside, sizeof(beside), "%s" GROWING, path) >= (int)sizeof(beside))
		return err_set(err, -ENAMETOOLONG, "%s: %s", pins->dir, strerror(ENAMETOOLONG));
	/* one that a killed command left */
	unlink(beside);
	if (bpf_obj_pin(fd, beside) < 0 || rename(beside, path) < 0) {
		int r = negative_errno();

		unlink(beside);
		return err_access(err, r, beside);
	}
	return 0;
}

static uint32_t room_of(int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.max_entries;
}

int pins_swap_responders(struct pins *pins, int fds[PINS_FAMILIES], struct err *err)
{
	struct err ignored;
	int done = 0, r = 0;

	while (done < PINS_FAMILIES && !r) {
		if (fds[done] >= 0)
			r = pin_over(pins, family_map(done), fds[done], err);
		done += !r;
	}
	if (r < 0) {
		while (done-- > 0)
			if (fds[done] >= 0)
				pin_over(pins, family_map(done), pins->fd[family_map(done)],
					 &ignored);
		return r;
	}
	for (int family = 0; family < PINS_FAMILIES; family++) {
		int former = pins->fd[family_map(family)];

		if (fds[family] < 0)
			continue;
		pins->fd[family_map(family)] = fds[family];
		pins->room[family] = room_of(fds[family]);
		fds[family] = former;
	}
	return 0;
}

/* The directory that is locked, if nothing is in it. Returns what rmdir() does. */
static int pins_remove_parent(const struct pins *pins)
{
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(pins->dir, '/') - pins->dir),
		 pins->dir);
	return rmdir(parent);
}

int pins_remove(struct pins *pins, struct err *err)
{
	char path[PATH_MAX], beside[PATH_MAX];

	for (enum pins_map map = 0; map < PINS_MAP_COUNT; map++) {
		if (pin_has_own_size(map) && pin_path(pins, map, path) == 0 &&
		    snprintf(beside, sizeof(beside), "%s" GROWING, path) < (int)sizeof(beside))
			unlink(beside);
		if (pin_path(pins, map, path) < 0 || (unlink(path) < 0 && errno != ENOENT))
			return err_access(err, negative_errno(), path);
	}
	if (rmdir(pins->dir) < 0 && errno != ENOENT)
		return err_access(err, negative_errno(), pins->dir);
	return pins_remove_parent(pins) < 0 ? err_access(err, negative_errno(), pins->dir) : 0;
}

int pins_set_unsettled(struct pins *pins, bool unsettled, struct err *err)
{
	struct pins_meta meta;
	int r = meta_read(pins, &meta, err);

	meta.unsettled = unsettled;
	r = r ?: meta_write(pins, pins->fd[PINS_META], &meta, err);
	if (!r)
		pins->unsettled = unsettled;
	return r;
}

int pins_set_max_entries(struct pins *pins, uint32_t max_entries, struct err *err)
{
	struct pins_meta meta;
	int r = meta_read(pins, &meta, err);

	meta.max_entries = max_entries;
	r = r ?: meta_write(pins, pins->fd[PINS_META], &meta, err);
	if (!r)
		pins->max_entries = max_entries;
	return r;
}

int pins_adopt(struct pins *pins, struct err *err)
{
	struct pins_meta meta;
	uint64_t netns_cookie;
	int r = meta_read(pins, &meta, err);

	if (!r)
		r = link_netns_cookie(&netns_cookie, err);
	meta.netns_cookie = netns_cookie;
	/* no program reads anything of theirs */
	meta.unsettled = false;
	r = r ?: meta_write(pins, pins->fd[PINS_META], &meta, err);
	if (!r)
		pins->orphaned = pins->unsettled = false;
	return r;
}

void pins_undo_create(struct pins *pins)
{
	struct err ignored;

	if (pins->lock_fd < 0)
		return;
	if (pins->created)
		pins_remove(pins, &ignored);
	else
		pins_remove_parent(pins); /* made for the lock, or in use and then it stays */
}

bool pins_bpffs_here(const struct pins_origin *origin)
{
	char root[L2RESP_PINS_DIR_SIZE];
	struct stat st;

	memcpy(root, origin->dir, sizeof(root));
	/* /xdp-l2resp/v1 below the root may be gone */
	for (int level = 0; level < 2; level++)
		if (strrchr(root, '/'))
			*strrchr(root, '/') = '\0';
	return !stat(root, &st) && major(st.st_dev) == origin->dev_major &&
	       minor(st.st_dev) == origin->dev_minor;
}

/* proc(5): the third field of a line is major:minor, the type follows " - ". */
static bool mountinfo_has(const char *path, const struct pins_origin *origin)
{
	_cleanup_free_ char *line = NULL;
	FILE *file = fopen(path, "re");
	bool found = false;
	size_t size = 0;

	while (file && !found && getline(&line, &size, file) >= 0) {
		unsigned int dev_major, dev_minor;

		found = sscanf(line, "%*d %*d %u:%u", &dev_major, &dev_minor) == 2 &&
			dev_major == origin->dev_major && dev_minor == origin->dev_minor &&
			strstr(line, " - bpf ");
	}
	if (file)
		fclose(file);
	return found;
}

bool pins_bpffs_mounted(const struct pins_origin *origin)
{
	DIR *proc = opendir("/proc");
	struct dirent *process;
	bool found = false;

	while (proc && !found && (process = readdir(proc))) {
		char path[sizeof("/proc//mountinfo") + sizeof(process->d_name)];

		if (!isdigit((unsigned char)process->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/mountinfo", process->d_name);
		found = mountinfo_has(path, origin);
	}
	if (proc)
		closedir(proc);
	return found;
}
