// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks whether this host's kernel answers requests that the program leaves unanswered. */
#include "doctor_check.h"

/* From *at on, finds the next address of the kernel, or with @proxy its next proxy entry, that is
 * also added on @device and that the kernel answers for there. NULL: no more. */
static const struct local_address *next_answered(struct doctor *doctor,
						 const struct doctor_device *device, bool proxy,
						 size_t *at)
{
	while (!device->gone && *at < doctor->kernel.local.count) {
		const struct local_address *local = &doctor->kernel.local.rows[(*at)++];

		if (local->proxy == proxy && doctor_row(device, &local->address) &&
		    kernel_answers_by(&doctor->kernel, &device->link, local))
			return local;
	}
	return NULL;
}

/* Adds a finding of the addresses on @device that are in local routes. */
static int find_routed(struct doctor *doctor, const struct doctor_device *device)
{
	const struct address *first = NULL;
	char ip[INET6_ADDRSTRLEN];
	size_t count = 0;

	if (device->gone || !doctor->kernel.local.route_count ||
	    !kernel_answers_routed(&doctor->kernel, &device->link))
		return 0;
	for (size_t i = 0; i < device->row_count; i++) {
		const struct address *address = &device->rows[i].key.address;

		if (!local_address_routed(&doctor->kernel.local, address))
			continue;
		first = first ?: address;
		count++;
	}
	if (!count)
		return 0;
	doctor_find(doctor, device, first,
		    "%zu address%s, first %s, %s in a local route, and arp_ignore is %ld on %s",
		    count, doctor_plural(count), address_format(first, ip),
		    count == 1 ? "is" : "are",
		    kernel_settings(&doctor->kernel, &device->link, true).arp_ignore,
		    device->link.name);
	doctor_remedy(doctor, "run `sysctl -w net.ipv4.conf.all.arp_ignore=1 "
			      "net.ipv4.conf.all.arp_announce=2`");
	return 0;
}

int doctor_check_kernel_answers(struct doctor *doctor, const struct doctor_device *device,
				struct err *err)
{
	const struct local_address *local;
	char ip[INET6_ADDRSTRLEN], dev[IFNAMSIZ];
	size_t at = 0;
	int r = 0;

	while (!r && (local = next_answered(doctor, device, false, &at))) {
		r = doctor_find(doctor, device, &local->address,
				address_is_v4(&local->address)
					? "%s is an address of %s, and arp_ignore is %ld on %s"
					: "%s is an address of %s",
				address_format(&local->address, ip),
				if_indextoname(local->ifindex, dev) ?: "this host",
				kernel_settings(&doctor->kernel, &device->link, true).arp_ignore,
				device->link.name);
		if (!address_is_v4(&local->address) && local->ifindex != device->link.ifindex)
			doctor_remedy(doctor,
				      "have %s on another interface in the VRF, such as a dummy",
				      ip);
	}
	return r ?: find_routed(doctor, device);
}

int doctor_check_proxy_arp(struct doctor *doctor, const struct doctor_device *device,
			   struct err *err)
{
	/* also without addresses: an agent adds none while the kernel would answer for it */
	bool has_v4 = device->ours >= 0 && !device->row_count;

	for (size_t i = 0; i < device->row_count && !has_v4; i++)
		has_v4 = address_is_v4(&device->rows[i].key.address);
	for (int same = 0; same <= 1 && has_v4 && !device->gone; same++) {
		const char *name = kernel_proxies(&doctor->kernel, &device->link, same);

		if (!name)
			continue;
		doctor_find(doctor, device, NULL, "%s is on for %s, and so is forwarding", name,
			    device->link.name);
		doctor_remedy(doctor,
			      "run `sysctl -w net/ipv4/conf/all/%s=0 net/ipv4/conf/%s/%s=0`", name,
			      device->link.name, name);
	}
	return 0;
}

int doctor_check_proxy_entry(struct doctor *doctor, const struct doctor_device *device,
			     struct err *err)
{
	const struct local_address *local;
	char ip[INET6_ADDRSTRLEN];
	size_t at = 0;
	int r = 0;

	while (!r && (local = next_answered(doctor, device, true, &at))) {
		r = doctor_find(doctor, device, &local->address,
				"the kernel has a proxy entry for %s on %s",
				address_format(&local->address, ip),
				local->ifindex ? device->link.name : "all interfaces");
		if (!local->ifindex)
			doctor_remedy(doctor, "run `arp -d %s pub`", ip);
	}
	return r;
}
