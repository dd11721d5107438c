// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of the maps' contents. */
#include <string.h>

#include "boot_clock.h"
#include "clock.h"
#include "doctor_check.h"

/* Older conflicts are ignored: the map drops none until it has L2RESP_MAX_CONFLICTS. */
#define CONFLICT_RECENT_S   600
#define NEARLY_FULL_PERCENT 90

int doctor_check_pins_unusable(struct doctor *doctor, struct err *err)
{
	struct err detail;
	char *advice;
	int r;

	if (!doctor->unusable)
		return 0;
	/* an error says what failed, then what to do */
	detail = *doctor->unusable;
	advice = strstr(detail.text, "; ");
	if (advice)
		*advice = '\0';
	r = doctor_find(doctor, NULL, NULL, "%s", detail.text);
	if (!r && advice)
		doctor_remedy(doctor, "%s", advice + strlen("; "));
	return r;
}

int doctor_check_mac_stale(struct doctor *doctor, const struct doctor_device *device,
			   struct err *err)
{
	const struct entry_row *first = NULL;
	char was[MAC_TEXT_SIZE], is[MAC_TEXT_SIZE];
	size_t count = 0;
	int r;

	for (size_t i = 0; i < device->row_count && !device->gone; i++) {
		if (!entry_mac_stale(&device->rows[i], device->link.mac))
			continue;
		first = first ?: &device->rows[i];
		count++;
	}
	if (!first)
		return 0;
	r = doctor_find(doctor, device, &first->key.address,
			"%zu address%s answered with %s, and the MAC of %s is %s", count,
			count == 1 ? " is" : "es are", mac_format(first->head.mac, was),
			device->link.name, mac_format(device->link.mac, is));
	if (!r)
		doctor_remedy_refused(doctor, device);
	return r;
}

int doctor_check_entry_damaged(struct doctor *doctor, const struct doctor_device *device,
			       struct err *err)
{
	char ip[INET6_ADDRSTRLEN];
	int r = 0;

	for (size_t i = 0; i < device->row_count && !r; i++) {
		const struct address *address = &device->rows[i].key.address;

		if (device->rows[i].damaged)
			r = doctor_find(doctor, device, address,
					"the entry of %s on %s is another address's, or none",
					address_format(address, ip), device->link.name);
	}
	return r;
}

int doctor_check_lease_over(struct doctor *doctor, const struct doctor_device *device,
			    struct err *err)
{
	size_t counts[L2RESP_LEASE_SLOTS] = {};
	int r = 0;

	for (size_t i = 0; i < device->row_count && doctor_has(doctor, MAPS_LEASES); i++)
		counts[device->rows[i].head.lease]++;
	for (unsigned int slot = L2RESP_LEASE_FOREVER + 1; slot < L2RESP_LEASE_SLOTS && !r;
	     slot++) {
		uint64_t left;

		if (!counts[slot])
			continue;
		r = entry_lease_remaining(doctor->pins, slot, &left, err);
		if (r < 0)
			return r;
		if (!left)
			r = doctor_find(doctor, device, NULL,
					"the lease of %zu address%s on %s (slot %u) has run out",
					counts[slot], doctor_plural(counts[slot]),
					device->link.name, slot);
	}
	return r;
}

int doctor_check_conflict(struct doctor *doctor, const struct doctor_device *device,
			  struct err *err)
{
	uint64_t now_s = boot_clock_ns() / CLOCK_NS_PER_S;
	int r = 0;

	for (size_t i = 0; i < doctor->conflicts.count && !r; i++) {
		const struct conflict_row *row = &doctor->conflicts.rows[i];
		uint64_t ago = now_s - row->value.last_seen_ns / CLOCK_NS_PER_S;
		char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];
		const struct entry_row *entry;
		struct address address;

		memcpy(address.bytes, row->key.address, sizeof(address.bytes));
		entry = doctor_row(device, &address);
		if (row->key.ifindex != device->link.ifindex || ago > CONFLICT_RECENT_S || !entry)
			continue;
		r = doctor_find(doctor, device, &address,
				"%s used %s on %s, last %u s ago, in %llu frame%s",
				mac_format(row->key.mac, mac), address_format(&address, ip),
				device->link.name, (unsigned int)ago,
				(unsigned long long)row->value.count,
				row->value.count == 1 ? "" : "s");
		if (!r)
			r = doctor_remedy_announced(doctor, entry, err);
	}
	return r;
}

int doctor_check_map_nearly_full(struct doctor *doctor, struct err *err)
{
	size_t counts[PINS_FAMILIES] = {};
	int r = 0;

	/* it has the bound */
	if (!doctor_has(doctor, MAPS_META))
		return 0;
	for (size_t i = 0; i < doctor->entries.count; i++)
		counts[responder_family(&doctor->entries.rows[i].key.address)]++;
	for (enum pins_family family = 0; family < PINS_FAMILIES && !r; family++)
		if (counts[family] * 100 >
		    (uint64_t)doctor->pins->max_entries * NEARLY_FULL_PERCENT)
			r = doctor_find(doctor, NULL, NULL, "%zu of at most %u %s addresses",
					counts[family], doctor->pins->max_entries,
					family == PINS_V4 ? "IPv4" : "IPv6");
	return r;
}
