// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>

#include "alloc.h"
#include "attach.h"
#include "binary_search.h"
#include "cleanup.h"
#include "device.h"
#include "doctor.h"
#include "doctor_check.h"
#include "text.h"
#include "vlan.h"

#define CHECK_EACH(name) .each = doctor_check_##name
#define CHECK_ONCE(name) .once = doctor_check_##name
#define CHECK(id, scope, level, text, advice) \
	{ .name = #id, .severity = DOCTOR_##level, .remedy = (advice), CHECK_##scope(id) },

static const struct doctor_check checks[] = { DOCTOR_CHECKS(CHECK) };

const char *doctor_severity_name(enum doctor_severity severity)
{
	static const char *const names[] = {
		[DOCTOR_NOTE] = "note", [DOCTOR_WARNING] = "warning", [DOCTOR_ERROR] = "error"
	};

	return names[severity];
}

void doctor_report_free(struct doctor_report *report)
{
	free(report->findings);
	*report = (struct doctor_report){};
}

/* Finds @device's rows, which are consecutive since the table is sorted by interface. */
static void find_rows(const struct entry_table *entries, struct doctor_device *device)
{
	uint32_t ifindex = device->link.ifindex;
	size_t first = SEARCH_FIRST(at, entries->count, entries->rows[at].key.ifindex < ifindex);

	device->rows = entries->rows + first;
	device->row_count =
		SEARCH_FIRST(at, entries->count, entries->rows[at].key.ifindex <= ifindex) - first;
}

/* Flags of add_device(). */
#define DEVICE_GONE  1 /* a recorded interface that no longer exists */
#define DEVICE_NAMED 2 /* the user named it: add it even without addresses and program */

/* Appends an interface with addresses or the program. */
static int add_device(struct doctor *doctor, const struct link *link, unsigned int flags,
		      struct err *err)
{
	bool gone = flags & DEVICE_GONE;
	struct doctor_device device = { .link = *link, .gone = gone, .ours = -1 }, *devices;
	int r = 0;

	if (gone || !device_is_reused(doctor->pins, link))
		find_rows(&doctor->entries, &device);
	if (gone && (device.row_count || flags & DEVICE_NAMED))
		device.moved = attach_find_moved(pins_maps(doctor->pins), link->ifindex);
	else if (!gone)
		r = attach_query(pins_maps(doctor->pins), link->ifindex, &device.state, err);
	if (r < 0)
		return r;
	device.ours = attach_find(&device.state, true);
	device.has_program = device.ours >= 0 || device.state.empty_id;
	memcpy(device.hook, link->name, sizeof(device.hook));
	device.hook_up = link_is_up(link);
	if (!gone && link_is_vlan(link) && !device.has_program) {
		struct vlan_hook hook;

		r = vlan_find_hook(doctor->pins, link->ifindex, &hook, err);
		if (r < 0)
			return r;
		device.has_program = hook.ours >= 0 || hook.moved.found;
		device.moved = hook.moved;
		memcpy(device.hook, hook.link.name, sizeof(device.hook));
		device.hook_up = link_is_up(&hook.link);
	}
	if (!(flags & DEVICE_NAMED) && !device.row_count && device.ours < 0 &&
	    !device.state.empty_id)
		return 0;
	devices = xreallocarray(doctor->devices, doctor->device_count + 1, sizeof(*devices));
	doctor->devices = devices;
	devices[doctor->device_count++] = device;
	return 0;
}

static int add_named(struct doctor *doctor, const char *name, struct err *err)
{
	struct link link;
	int r = link_by_name(name, &link, err);

	if (!r)
		return add_device(doctor, &link, DEVICE_NAMED, err);
	if (r != -ENODEV || !doctor_has(doctor, MAPS_DEVICES))
		return r;
	r = device_resolve(doctor->pins, name, &link, err);
	return r < 0 ? r : add_device(doctor, &link, DEVICE_GONE | DEVICE_NAMED, err);
}

static int add_present(struct doctor *doctor, struct err *err)
{
	struct if_nameindex *names = if_nameindex();
	int r = 0;

	if (!names)
		return err_set(err, negative_errno(), "listing the interfaces: %s",
			       strerror(errno));
	for (size_t i = 0; names[i].if_index && !r; i++) {
		struct link link;

		r = link_by_ifindex(names[i].if_index, &link, err);
		if (!r)
			r = add_device(doctor, &link, 0, err);
		/* skip an interface that was deleted meanwhile */
		if (r == -ENODEV)
			r = 0;
	}
	if_freenameindex(names);
	return r;
}

/* Adds recorded interfaces that no longer exist: their entries are still in the maps. */
static int add_gone(struct doctor *doctor, struct err *err)
{
	struct device_table table;
	int r = device_read_all(doctor->pins, &table, err);

	for (unsigned int i = 0; i < table.count && !r; i++) {
		struct link link = { .ifindex = table.rows[i].ifindex };

		memcpy(link.name, table.rows[i].name, sizeof(link.name));
		if (table.rows[i].gone)
			r = add_device(doctor, &link, DEVICE_GONE, err);
	}
	return r;
}

static int read_all(struct doctor *doctor, const char *name, struct err *err)
{
	int r = kernel_view_read(&doctor->kernel, err);

	if (!r && doctor->pins)
		r = entry_read_all(doctor->pins, 0, &doctor->entries, err);
	if (!r && doctor_has(doctor, MAPS_CONFLICTS))
		r = conflict_read_all(doctor->pins, &doctor->conflicts, err);
	if (!r && name)
		return add_named(doctor, name, err);
	if (!r)
		r = add_present(doctor, err);
	return !r && doctor_has(doctor, MAPS_DEVICES) ? add_gone(doctor, err) : r;
}

static int run_check(struct doctor *doctor, struct err *err)
{
	int r = 0;

	if (doctor->check->once)
		return doctor->check->once(doctor, err);
	for (size_t i = 0; i < doctor->device_count && !r; i++)
		r = doctor->check->each(doctor, &doctor->devices[i], err);
	return r;
}

static void cleanup_doctor(struct doctor *doctor)
{
	free(doctor->devices);
	free(doctor->pairs);
	entry_table_free(&doctor->entries);
	conflict_table_free(&doctor->conflicts);
	kernel_view_free(&doctor->kernel);
	doctor_report_free(&doctor->report);
}

int doctor_run(const struct pins *pins, const struct err *unusable, const char *name,
	       struct doctor_report *ret_report, struct err *err)
{
	_cleanup_(cleanup_doctor) struct doctor doctor = { .pins = pins, .unusable = unusable };
	int r = read_all(&doctor, name, err);

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && !r; i++) {
		doctor.check = &checks[i];
		r = run_check(&doctor, err);
	}
	if (r < 0)
		return r;
	*ret_report = doctor.report;
	doctor.report = (struct doctor_report){};
	return 0;
}
