/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this host's kernel answers by itself. An address that it answers for too is answered for
 * when the program is silent, and by every host that has it.
 */
#ifndef XDP_L2RESP_KERNEL_VIEW_H
#define XDP_L2RESP_KERNEL_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "link.h"
#include "local_address.h"

/* What an interface's sysctls come to, of one family, with those of all. */
struct kernel_settings {
	long arp_ignore; /* IPv4 */
	bool forwarding; /* without it the kernel is proxy for nobody */
	bool proxies;	 /* proxy_arp: for what it has a route to; proxy_ndp: heeds proxy entries */
};

/* Those of one interface, read once. */
struct kernel_device {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	struct kernel_settings v4, v6;
};

struct kernel_view {
	struct local_address_table local; /* by address, then interface */
	struct kernel_device *devices;	  /* those that were asked for */
	size_t device_count;
};

/* Of the caller's network namespace. The caller frees *ret_view. Returns 0 or a negative errno with
 * @err. */
int kernel_view_read(struct kernel_view *ret_view, struct err *err);
void kernel_view_free(struct kernel_view *view);

/* Would a new view say otherwise, of the interfaces that @view was asked about? True too where that
 * can't be found out. */
bool kernel_view_changed(const struct kernel_view *view);

/* The settings in force on @link for IPv4, or IPv6. */
struct kernel_settings kernel_settings(struct kernel_view *view, const struct link *link, bool v4);

/* Would the kernel answer a request on @link for @local, an address of its own or a proxy entry? */
bool kernel_answers_by(struct kernel_view *view, const struct link *link,
		       const struct local_address *local);

/* Is it proxy on @link for all that it has a route to by another interface (proxy_arp)? */
bool kernel_proxies(struct kernel_view *view, const struct link *link);

/* Would the kernel answer for @address on @link, in whichever way? True with where, by what, and
 * what to do about it, in @ret_why. */
bool kernel_answers(struct kernel_view *view, const struct address *address,
		    const struct link *link, struct err *ret_why);

#endif
