// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "attach.h"
#include "doctor_check.h"
#include "text.h"
#include "vlan.h"

/* Writes @remedy to @text and replaces IFACE by @dev, HOOK by @hook and ADDR by @address, unless
 * they are empty. */
static void write_remedy(const char *remedy, const char *dev, const char *hook, const char *address,
			 char *text, size_t size)
{
	const struct {
		const char *word;
		const char *value;
	} words[] = { { "IFACE", dev }, { "HOOK", hook }, { "ADDR", address } };
	size_t used = 0;

	while (*remedy && used + 1 < size) {
		const char *value = NULL;

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !value; i++) {
			size_t length = strlen(words[i].word);

			if (*words[i].value && !strncmp(remedy, words[i].word, length)) {
				value = words[i].value;
				remedy += length;
			}
		}
		if (value)
			used += snprintf(text + used, size - used, "%s", value);
		else
			text[used++] = *remedy++;
	}
	text[used < size ? used : size - 1] = '\0';
}

int doctor_find(struct doctor *doctor, const struct doctor_device *device,
		const struct address *address, const char *format, ...)
{
	struct doctor_report *report = &doctor->report;
	struct doctor_finding *finding =
		xreallocarray(report->findings, report->count + 1, sizeof(*finding));
	char ip[INET6_ADDRSTRLEN] = "";
	va_list args;

	report->findings = finding;
	finding += report->count++;
	*finding = (struct doctor_finding){ .check = doctor->check->name,
					    .severity = doctor->check->severity };
	if (device)
		memcpy(finding->dev, device->link.name, sizeof(finding->dev));
	if (address)
		address_format(address, ip);
	va_start(args, format);
	text_vprintf(finding->detail, sizeof(finding->detail), format, args);
	va_end(args);
	write_remedy(doctor->check->remedy, finding->dev, device ? device->hook : "", ip,
		     finding->remedy, sizeof(finding->remedy));
	return 0;
}

void doctor_remedy(struct doctor *doctor, const char *format, ...)
{
	struct doctor_finding *finding = &doctor->report.findings[doctor->report.count - 1];
	va_list args;

	va_start(args, format);
	text_vprintf(finding->remedy, sizeof(finding->remedy), format, args);
	va_end(args);
}

int doctor_lease_remaining(const struct doctor *doctor, uint8_t slot, uint64_t *ret_ms,
			   struct err *err)
{
	*ret_ms = 0;
	return slot != L2RESP_LEASE_FOREVER && !doctor_has(doctor, MAPS_LEASES)
		       ? 0
		       : entry_lease_remaining(doctor->pins, slot, ret_ms, err);
}

int doctor_remedy_announced(struct doctor *doctor, const struct entry_row *row, struct err *err)
{
	char ip[INET6_ADDRSTRLEN];
	uint64_t remaining_ms;
	int r = doctor_lease_remaining(doctor, row->head.lease, &remaining_ms, err);

	if (!r && row->head.lease != L2RESP_LEASE_FOREVER && remaining_ms)
		doctor_remedy(doctor,
			      "take %s off the host with that MAC, or out of the Service or the "
			      "policy that the agent announces it for",
			      address_format(&row->key.address, ip));
	return r;
}

/* Ignores vlan_check_parent()'s notes, which the check tags_taken reports. */
static void ignore_note(const char *format, ...)
{
}

void doctor_remedy_refused(struct doctor *doctor, const struct doctor_device *device)
{
	const struct attach_options options = { .priority = ATTACH_KEEP_PRIORITY };
	struct link hook;
	struct err err;
	int r = link_by_name(device->hook, &hook, &err);

	if (!r)
		r = attach_check(pins_maps(doctor->pins), &hook, &options, &err);
	if (!r && doctor_has(doctor, MAPS_VLANS))
		r = vlan_check_parent(doctor->pins, &hook, ignore_note, &err);
	if (r < 0)
		doctor_remedy(doctor,
			      "first fix what attach would refuse: %s; then run `xdp-l2resp "
			      "attach %s`",
			      err.text, device->hook);
}

static int compare_address(const void *address, const void *row)
{
	return address_compare(address, &((const struct entry_row *)row)->key.address);
}

const struct entry_row *doctor_row(const struct doctor_device *device,
				   const struct address *address)
{
	return device->row_count ? bsearch(address, device->rows, device->row_count,
					   sizeof(*device->rows), compare_address)
				 : NULL;
}
