// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of what this host's kernel answers where the program is silent. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "doctor_check.h"

/* A number below /proc/sys/net/ipv4/conf or its like for IPv6, which follow the network namespace
 * of whoever opens them; 0 where it can't be read. */
static long setting(bool v4, const char *dev, const char *name)
{
	char path[128], text[16];
	_cleanup_close_ int fd = -1;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", v4 ? "ipv4" : "ipv6", dev,
		 name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	return strtol(text, NULL, 10);
}

/* The larger of all's and the interface's own counts (IN_DEV_MAXCONF). */
static long setting_of(bool v4, const struct doctor_device *device, const char *name)
{
	long all = setting(v4, "all", name), own = setting(v4, device->link.name, name);

	return all > own ? all : own;
}

/* Without forwarding the kernel is proxy for nobody. */
static bool forwards(bool v4, const struct doctor_device *device)
{
	return setting(v4, device->link.name, "forwarding");
}

/* Would the kernel answer on @device for @local, an address of its own? */
static bool kernel_answers(const struct doctor_device *device, const struct local_address *local,
			   long arp_ignore)
{
	bool same = local->ifindex == device->link.ifindex;

	/* a solicitation is for addresses of the interface that it comes in on (RFC 4861 7.2.3) */
	if (!address_is_v4(&local->address))
		return same;
	switch (arp_ignore) {
	case 0:
		return true;
	case 3:
		return !local->host_scope;
	case 8:
		return false;
	default: /* 1, and 2 for senders in its subnet */
		return same;
	}
}

int doctor_check_kernel_answers(struct doctor *doctor, const struct doctor_device *device,
				struct err *err)
{
	long arp_ignore = setting_of(true, device, "arp_ignore");
	char ip[INET6_ADDRSTRLEN], dev[IFNAMSIZ];
	int r = 0;

	for (size_t i = 0; i < doctor->local.count && !device->gone && !r; i++) {
		const struct local_address *local = &doctor->local.rows[i];

		if (local->proxy || !kernel_answers(device, local, arp_ignore) ||
		    !doctor_has(device, &local->address))
			continue;
		r = doctor_find(doctor, device, &local->address, err,
				address_is_v4(&local->address)
					? "%s is an address of %s, and arp_ignore is %ld on %s"
					: "%s is an address of %s",
				address_format(&local->address, ip),
				if_indextoname(local->ifindex, dev) ?: "this host", arp_ignore,
				device->link.name);
	}
	return r;
}

int doctor_check_proxy_arp(struct doctor *doctor, const struct doctor_device *device,
			   struct err *err)
{
	bool has_v4 = false;

	for (size_t i = 0; i < device->row_count && !has_v4; i++)
		has_v4 = address_is_v4(&device->rows[i].key.address);
	if (device->gone || !has_v4 || !forwards(true, device) ||
	    !setting_of(true, device, "proxy_arp"))
		return 0;
	return doctor_find(doctor, device, NULL, err,
			   "proxy_arp is on for %s, and so is forwarding", device->link.name);
}

/* An entry is enough for IPv4; IPv6's need proxy_ndp too. */
static bool is_proxy(const struct doctor_device *device, const struct local_address *local)
{
	bool v4 = address_is_v4(&local->address);

	return local->proxy && local->ifindex == device->link.ifindex && forwards(v4, device) &&
	       (v4 || setting_of(v4, device, "proxy_ndp"));
}

int doctor_check_proxy_entry(struct doctor *doctor, const struct doctor_device *device,
			     struct err *err)
{
	char ip[INET6_ADDRSTRLEN];
	int r = 0;

	for (size_t i = 0; i < doctor->local.count && !device->gone && !r; i++) {
		const struct local_address *local = &doctor->local.rows[i];

		if (is_proxy(device, local) && doctor_has(device, &local->address))
			r = doctor_find(doctor, device, &local->address, err,
					"the kernel has a proxy entry for %s on %s",
					address_format(&local->address, ip), device->link.name);
	}
	return r;
}
