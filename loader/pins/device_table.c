// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "attach_moved.h"
#include "device_table.h"
#include "map.h"

static int row_compare(const void *a, const void *b)
{
	const struct device_row *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : (int)left->ifindex - (int)right->ifindex;
}

static int record_read(const void *key, const void *value, void *data, struct err *err)
{
	const struct device *device = value;
	struct device_table *table = data;
	struct device_row *row = &table->rows[table->count];

	/* not written by us; the next attach writes the interface's record anew */
	if (device->counters_slot >= L2RESP_MAX_DEVICES)
		return 0;
	table->count++;
	*row = (struct device_row){ .ifindex = *(const uint32_t *)key,
				    .counters_slot = device->counters_slot };
	memcpy(row->name, device->name, sizeof(row->name) - 1);
	memcpy(row->mac_end, device->mac_end, sizeof(row->mac_end));
	/* ends the visit; the map can yield more only if records are replaced meanwhile */
	return table->count == L2RESP_MAX_DEVICES;
}

int device_read_recorded(const struct pins *pins, struct device_table *ret_table, struct err *err)
{
	int r;

	ret_table->count = 0;
	r = map_visit(pins->maps.fd[MAPS_DEVICES], "devices", record_read, ret_table, err);
	return r < 0 ? r : 0;
}

struct vlan_key device_vlan_key(const struct link *link)
{
	return (struct vlan_key){ .parent = link->parent,
				  .protocol = htons(link->vlan_protocol),
				  .vid = link->vid };
}

/* True if @link is the VLAN device that addresses were added on: the row that they need leads to
 * it. */
static bool has_vlan_row(const struct pins *pins, const struct link *link)
{
	const struct vlan_key key = device_vlan_key(link);
	uint32_t device;

	return link_is_vlan(link) &&
	       !bpf_map_lookup_elem(pins->maps.fd[MAPS_VLANS], &key, &device) &&
	       device == link->ifindex;
}

/* Finds out whether interface @row->link, which has another name than the recorded one, is another
 * one: it has another MAC, too, and not the recorded one's program or, of a VLAN device, row. An
 * interface that comes from another network namespace keeps its number if that is free here. Who
 * can't look programs up takes it for the same one. */
static bool is_other(const struct pins *pins, const struct device_row *row)
{
	static const uint8_t unknown[sizeof(row->mac_end)];
	struct attach_moved program;

	if (!memcmp(row->mac_end, unknown, sizeof(unknown)) ||
	    !memcmp(row->mac_end, row->link.mac + ETH_ALEN - sizeof(unknown), sizeof(unknown)) ||
	    has_vlan_row(pins, &row->link))
		return false;
	program = attach_find_moved(pins_maps(pins), row->ifindex);
	return !program.unknown &&
	       (!program.found || program.nsid >= 0 || program.link.ifindex != row->ifindex);
}

int device_read_all(const struct pins *pins, struct device_table *ret_table, struct err *err)
{
	int r = device_read_recorded(pins, ret_table, err);

	for (unsigned int i = 0; i < ret_table->count && !r; i++) {
		struct device_row *row = &ret_table->rows[i];

		r = link_by_ifindex(row->ifindex, &row->link, err);
		row->gone = r == -ENODEV;
		if (row->gone) {
			r = 0;
		} else if (!r && strcmp(row->name, row->link.name) != 0) {
			row->reused = row->gone = is_other(pins, row);
			row->renamed = !row->gone;
		}
		if (row->renamed)
			memcpy(row->name, row->link.name, sizeof(row->name));
	}
	qsort(ret_table->rows, ret_table->count, sizeof(ret_table->rows[0]), row_compare);
	return r;
}

bool device_is_reused(const struct pins *pins, const struct link *link)
{
	struct device_row row = { .ifindex = link->ifindex, .link = *link };
	struct device device;

	if (!pins || bpf_map_lookup_elem(pins->maps.fd[MAPS_DEVICES], &row.ifindex, &device) < 0)
		return false;
	memcpy(row.mac_end, device.mac_end, sizeof(row.mac_end));
	return strncmp(device.name, link->name, sizeof(device.name)) != 0 && is_other(pins, &row);
}

const struct device_row *device_find(const struct device_table *table, uint32_t ifindex)
{
	for (unsigned int i = 0; i < table->count; i++)
		if (table->rows[i].ifindex == ifindex)
			return &table->rows[i];
	return NULL;
}

int device_write(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		 struct err *err)
{
	struct device device = { .counters_slot = counters_slot };

	memcpy(device.name, link->name, sizeof(device.name));
	memcpy(device.mac_end, link->mac + ETH_ALEN - sizeof(device.mac_end),
	       sizeof(device.mac_end));
	if (bpf_map_update_elem(pins->maps.fd[MAPS_DEVICES], &link->ifindex, &device, BPF_ANY) < 0)
		return err_set(err, negative_errno(), "writing devices: %s", strerror(errno));
	return 0;
}

int device_forget(const struct pins *pins, uint32_t ifindex, struct err *err)
{
	if (bpf_map_delete_elem(pins->maps.fd[MAPS_DEVICES], &ifindex) < 0 && errno != ENOENT)
		return err_set(err, negative_errno(), "writing devices: %s", strerror(errno));
	return 0;
}

const struct device_row *device_find_gone(const struct device_table *table, const char *name)
{
	for (unsigned int i = 0; i < table->count; i++)
		if (table->rows[i].gone && !strcmp(table->rows[i].name, name))
			return &table->rows[i];
	return NULL;
}

int device_resolve(const struct pins *pins, const char *name, struct link *ret_link,
		   struct err *err)
{
	const struct device_row *gone;
	struct device_table table;
	struct err ignored;
	struct link link;
	int r = link_by_name(name, &link, err);

	if (!r && device_is_reused(pins, &link))
		return err_set(err, -EBUSY,
			       "%s has the number (%u) of a former interface, whose addresses "
			       "aren't its own",
			       link.name, link.ifindex);
	if ((!r || r == -ENODEV) && !device_read_all(pins, &table, &ignored)) {
		gone = !r && device_find(&table, link.ifindex) ? NULL
							       : device_find_gone(&table, name);
		if (gone) {
			r = 0;
			link = (struct link){ .ifindex = gone->ifindex };
			memcpy(link.name, gone->name, sizeof(link.name));
		}
	}
	if (!r)
		*ret_link = link;
	return r;
}
