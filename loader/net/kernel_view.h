/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds out for which addresses this host's kernel answers by itself. Such an address is answered
 * for even when the program is silent, and by every host that has it.
 */
#ifndef XDP_L2RESP_KERNEL_VIEW_H
#define XDP_L2RESP_KERNEL_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "link.h"
#include "local_address.h"

/* An interface's effective sysctls of one family, combined with those of "all". */
struct kernel_settings {
	long arp_ignore;   /* IPv4 */
	bool forwarding;   /* without it the kernel doesn't proxy */
	bool proxies;	   /* IPv4: proxy_arp, for all routed addresses; IPv6: proxy_ndp, which
			      enables proxy entries */
	bool proxies_same; /* IPv4: proxy_arp_pvlan, for addresses routed by this interface */
};

/* The settings of one interface, cached. */
struct kernel_device {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	struct kernel_settings v4, v6;
};

struct kernel_view {
	struct local_address_table local; /* by address, then interface */
	struct kernel_device *devices;	  /* interfaces whose settings were read */
	size_t device_count;
};

/* Reads the caller's network namespace. The caller frees *ret_view. Returns 0 or a negative errno
 * with @err. */
int kernel_view_read(struct kernel_view *ret_view, struct err *err);
void kernel_view_free(struct kernel_view *view);

/* True if addresses, or the settings of interfaces in @view, have changed; also true on an error.
 */
bool kernel_view_changed(const struct kernel_view *view);

/* Returns the effective settings of @link for IPv4 (@v4) or IPv6. */
struct kernel_settings kernel_settings(struct kernel_view *view, const struct link *link, bool v4);

/* True if the kernel would answer a request on @link for @local, its own address or a proxy entry.
 */
bool kernel_answers_by(struct kernel_view *view, const struct link *link,
		       const struct local_address *local);

/* True if the kernel would answer a request on @link for an address in a local route. */
bool kernel_answers_routed(struct kernel_view *view, const struct link *link);

/* Returns the sysctl by which the kernel answers on @link for all addresses routed by it (@same:
 * proxy_arp_pvlan) or by other interfaces (proxy_arp); NULL: it doesn't. */
const char *kernel_proxies(struct kernel_view *view, const struct link *link, bool same);

/* True if the kernel would answer for @address on @link for any of these reasons; @ret_why: the
 * interface, the reason and the remedy. */
bool kernel_answers(struct kernel_view *view, const struct address *address,
		    const struct link *link, struct err *ret_why);

#endif
