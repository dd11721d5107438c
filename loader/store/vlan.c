// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>

#include "binary_search.h"
#include "change.h"
#include "cleanup.h"
#include "device.h"
#include "entry.h"
#include "map.h"
#include "offload.h"
#include "vlan.h"

int vlan_path_of(const struct link *link, struct vlan_path *ret_path, struct err *err)
{
	struct vlan_path path = { .parent = *link, .hook = *link };

	while (link_is_vlan(&path.parent)) {
		int r;

		if (path.count == VLAN_MAX_TAGS)
			return err_set(err, -EOPNOTSUPP,
				       "%s has more than %d VLAN tags, the most that the program "
				       "reads",
				       link->name, VLAN_MAX_TAGS);
		if (path.parent.parent_nsid >= 0)
			return err_set(err, -EOPNOTSUPP,
				       "the parent of %s is in another network namespace and "
				       "receives its frames there; add the address there",
				       path.parent.name);
		memmove(&path.keys[1], path.keys, sizeof(path.keys[0]));
		memmove(&path.devices[1], path.devices, sizeof(path.devices[0]));
		path.keys[0] = device_vlan_key(&path.parent);
		path.devices[0] = path.parent.ifindex;
		path.count++;
		path.hook = path.parent;
		r = link_by_ifindex(path.keys[0].parent, &path.parent, err);
		if (r < 0)
			return r;
	}
	path.hidden = path.count && link_hides_tags(&path.parent);
	if (!path.hidden)
		path.hook = path.parent;
	*ret_path = path;
	return 0;
}

/* True if vlan_path_of() returned @r because no frames arrive, or more tags than are read. Other
 * errors say nothing of the device. */
static bool has_no_path(int r)
{
	return r == -ENODEV || r == -EOPNOTSUPP;
}

static int rows_visit(const struct pins *pins, map_visit_fn *visit, void *data, struct err *err)
{
	return map_visit(pins->maps.fd[MAPS_VLANS], "vlans", visit, data, err);
}

/* Members that aren't 0 must match. */
struct row_search {
	uint32_t device;
	uint32_t parent;
	uint16_t protocol;   /* host byte order */
	struct vlan_key key; /* of the row found */
};

static int search_row(const void *row, const void *device, void *data, struct err *err)
{
	const struct vlan_key *key = row;
	struct row_search *search = data;

	if ((search->device && search->device != *(const uint32_t *)device) ||
	    (search->parent && search->parent != key->parent) ||
	    (search->protocol && search->protocol != ntohs(key->protocol)))
		return 0;
	search->key = *key;
	return 1;
}

/* Replaces VLAN device @link by its parent, from the map or, if it has no row, from rtnetlink.
 * Returns 1, 0 if it isn't a VLAN device or its parent hides tags, or a negative errno with @err.
 * -ENODEV: the parent that *ret_key has isn't here.
 */
static int step_out(const struct pins *pins, struct link *link, struct vlan_key *ret_key,
		    struct err *err)
{
	struct row_search search = { .device = link->ifindex };
	/* `status` passes pins that may be incomplete */
	int found = pins && pins->maps.fd[MAPS_VLANS] >= 0
			    ? rows_visit(pins, search_row, &search, err)
			    : 0;
	struct link parent;

	if (!found && link_is_vlan(link) && link->parent_nsid < 0) {
		found = 1;
		search.key = device_vlan_key(link);
	}
	if (found > 0)
		found = link_by_ifindex(search.key.parent, &parent, err)
				?: !link_hides_tags(&parent);
	*ret_key = search.key;
	if (found > 0)
		*link = parent;
	return found;
}

int vlan_find_hook(const struct pins *pins, uint32_t ifindex, struct vlan_hook *ret_hook,
		   struct err *err)
{
	struct vlan_hook hook = {};
	struct vlan_key key;
	int r = link_by_ifindex(ifindex, &hook.link, err);

	for (;;) {
		if (!r)
			r = attach_query(pins_maps(pins), hook.link.ifindex, &hook.state, err);
		if (r < 0)
			return r;
		hook.ours = attach_find(&hook.state, false);
		if (hook.ours >= 0 || hook.tag_count == VLAN_MAX_TAGS)
			break;
		r = step_out(pins, &hook.link, &key, err);
		/* VLAN devices stay when their parent is moved */
		if (r == -ENODEV && !link_is_gone(ifindex)) {
			hook.moved = attach_find_moved(pins_maps(pins), key.parent);
			break;
		}
		if (r < 0)
			return r;
		if (!r)
			break;
		r = 0;
		memmove(&hook.tags[1], hook.tags, sizeof(hook.tags[0]));
		hook.tags[0] = key;
		hook.tag_count++;
	}
	*ret_hook = hook;
	return 0;
}

uint32_t vlan_device(const struct pins *pins, uint32_t ifindex, uint16_t protocol, uint16_t vid)
{
	struct vlan_key key = { .parent = ifindex, .protocol = htons(protocol), .vid = vid };

	if (vid && bpf_map_lookup_elem(pins->maps.fd[MAPS_VLANS], &key, &ifindex) < 0)
		return 0;
	return ifindex;
}

/* Checks that a program on @parent sees tags of @protocol. */
static int check_tags(const struct link *parent, uint16_t protocol, filter_note_fn *note,
		      struct err *err)
{
	char remedy[64];

	switch (offload_tags(parent, protocol, remedy, sizeof(remedy))) {
	case OFFLOAD_TAGS_TAKEN:
		return err_set(err, -EOPNOTSUPP,
			       "%s: VLAN tags are taken off before XDP sees the frames, and "
			       "addresses on VLAN devices need them; run `%s` first",
			       parent->name, remedy);
	case OFFLOAD_TAGS_UNKNOWN:
		note("%s: can't check that its peer, in another network namespace, leaves VLAN tags "
		     "in the frames; run `%s` there to make sure",
		     parent->name, remedy);
		return 0;
	case OFFLOAD_TAGS_LEFT:
		break;
	}
	return 0;
}

int vlan_uses(const struct pins *pins, uint32_t ifindex, uint16_t protocol, struct err *err)
{
	return rows_visit(pins, search_row,
			  &(struct row_search){ .parent = ifindex, .protocol = protocol }, err);
}

int vlan_check_parent(const struct pins *pins, const struct link *link, filter_note_fn *note,
		      struct err *err)
{
	static const uint16_t protocols[] = { ETH_P_8021Q, ETH_P_8021AD };
	int r = 0;

	/* an older version's rows, until the next command deletes them */
	if (link_hides_tags(link))
		return 0;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]) && !r; i++) {
		r = vlan_uses(pins, link->ifindex, protocols[i], err);
		if (r > 0)
			r = check_tags(link, protocols[i], note, err);
	}
	return r;
}

static int row_write(const struct pins *pins, const struct vlan_key *key, uint32_t device,
		     struct err *err)
{
	if (!bpf_map_update_elem(pins->maps.fd[MAPS_VLANS], key, &device, BPF_ANY))
		return 0;
	if (errno == E2BIG)
		return err_set(err, -E2BIG, "%d VLAN devices have addresses, the most there can be",
			       L2RESP_MAX_VLANS);
	return err_set(err, negative_errno(), "writing vlans: %s", strerror(errno));
}

int vlan_add(const struct pins *pins, const struct link *link, filter_note_fn *note,
	     struct err *err)
{
	struct attach_state state;
	struct vlan_path path;
	int r;

	if (!link_is_vlan(link))
		return 0;
	r = vlan_path_of(link, &path, err);
	if (!r && !path.hidden)
		r = attach_query(pins_maps(pins), path.hook.ifindex, &state, err);
	if (!r && !path.hidden && attach_find(&state, false) >= 0)
		r = check_tags(&path.hook, ntohs(path.keys[0].protocol), note, err);
	for (unsigned int i = path.hidden; i < path.count && !r; i++)
		r = row_write(pins, &path.keys[i], path.devices[i], err);
	return r;
}

bool vlan_has_rows(const struct pins *pins, const struct vlan_path *path)
{
	uint32_t device;

	for (unsigned int i = path->hidden; i < path->count; i++)
		if (bpf_map_lookup_elem(pins->maps.fd[MAPS_VLANS], &path->keys[i], &device) < 0 ||
		    device != path->devices[i])
			return false;
	return true;
}

/* Rows that addresses need. */
struct needed {
	const struct pins *pins;
	unsigned int count;
	struct {
		struct vlan_key key;
		uint32_t device;
	} rows[L2RESP_MAX_DEVICES * VLAN_MAX_TAGS];
};

static int delete_unneeded(const void *key, const void *device, void *data, struct err *err)
{
	const struct needed *needed = data;

	for (unsigned int i = 0; i < needed->count; i++)
		if (needed->rows[i].device == *(const uint32_t *)device &&
		    !memcmp(&needed->rows[i].key, key, sizeof(struct vlan_key)))
			return 0;
	bpf_map_delete_elem(needed->pins->maps.fd[MAPS_VLANS], key);
	return 0;
}

static bool has_entries(const struct entry_table *entries, uint32_t ifindex)
{
	/* sorted by interface */
	size_t first = SEARCH_FIRST(at, entries->count, entries->rows[at].key.ifindex < ifindex);

	return first < entries->count && entries->rows[first].key.ifindex == ifindex;
}

int vlan_sync(const struct pins *pins, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table entries = {};
	struct needed needed = { .pins = pins };
	struct device_table devices;
	int r = device_read_all(pins, &devices, err);

	if (!r)
		r = entry_read_all(pins, 0, &entries, err);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < devices.count; i++) {
		const struct device_row *row = &devices.rows[i];
		struct vlan_path path;

		if (row->gone || !has_entries(&entries, row->ifindex))
			continue;
		r = vlan_path_of(&row->link, &path, err);
		if (has_no_path(r))
			continue;
		if (r < 0)
			return r;
		for (unsigned int step = path.hidden; step < path.count; step++) {
			needed.rows[needed.count].key = path.keys[step];
			needed.rows[needed.count++].device = path.devices[step];
		}
	}
	r = rows_visit(pins, delete_unneeded, &needed, err);
	for (unsigned int i = 0; i < needed.count && !r; i++)
		r = row_write(pins, &needed.rows[i].key, needed.rows[i].device, err);
	return r;
}

int vlan_deleted(const struct pins *pins, uint32_t ifindex, struct err *err)
{
	int r = rows_visit(pins, search_row, &(struct row_search){ .device = ifindex }, err);

	return r > 0 ? vlan_sync(pins, err) : r;
}

/* 1, which ends the visit, if the row's device is gone or has another parent, protocol or VID, or
 * if its parent hides the tag. */
static int row_is_outdated(const void *key, const void *device, void *data, struct err *err)
{
	struct link link = {};
	struct vlan_key current;
	int r = link_by_ifindex(*(const uint32_t *)device, &link, err);

	if (r < 0 && r != -ENODEV)
		return r;
	if (r || link.parent_nsid >= 0 || link_parent_hides_tags(&link))
		return 1;
	current = device_vlan_key(&link);
	return memcmp(key, &current, sizeof(current)) != 0;
}

/* True if @row's record is outdated: its interface was renamed, or is a VLAN device that is gone
 * and there is a new one of its name. */
static bool find_changed(const struct device_table *devices, const struct device_row *row,
			 struct link *ret_link)
{
	struct err ignored;

	if (!row->gone)
		*ret_link = row->link;
	else if (link_by_name(row->name, ret_link, &ignored) < 0 ||
		 device_find(devices, ret_link->ifindex))
		return false;
	return row->renamed || (row->gone && link_is_vlan(ret_link));
}

int vlan_follow(const struct pins *pins, filter_note_fn *note, struct err *err)
{
	struct device_table devices;
	bool changed = false;
	int r = device_read_all(pins, &devices, err);

	for (unsigned int i = 0; i < devices.count && !r; i++) {
		struct device_recorded recorded;
		struct link link;

		if (!find_changed(&devices, &devices.rows[i], &link))
			continue;
		r = device_record(pins, &link, note, &recorded, err);
		changed = changed || link_is_vlan(&link);
	}
	if (!r)
		r = rows_visit(pins, row_is_outdated, NULL, err);
	return r < 0 ? r : changed || r ? vlan_sync(pins, err) : 0;
}

int vlan_refresh(const struct pins *pins, const struct link *link, filter_note_fn *note,
		 struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table entries = {};
	struct device_table devices;
	bool complete = true, on_it;
	int r = device_read_all(pins, &devices, err);

	if (!r)
		r = entry_read_all(pins, 0, &entries, err);
	for (unsigned int i = 0; i < devices.count && !r; i++) {
		const struct device_row *row = &devices.rows[i];
		struct vlan_path path;

		if (row->gone || !has_entries(&entries, row->ifindex))
			continue;
		r = vlan_path_of(&row->link, &path, err);
		if (r < 0 && !has_no_path(r))
			return r;
		on_it = !r && path.hook.ifindex == link->ifindex;
		r = 0;
		/* or its own program sees its frames */
		if (!on_it && row->ifindex != link->ifindex)
			continue;
		complete &= !on_it || vlan_has_rows(pins, &path);
		r = change_follow_mac(pins, row->ifindex, row->link.mac, err);
		filter_sync(pins, row->ifindex, note);
	}
	return r || complete ? r : vlan_sync(pins, err);
}
