// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "denied.h"
#include "dispatcher.h"
#include "prog.h"
#include "refusal.h"

/* libbpf's prefix of the kernel's message (nlattr.c, since 4.16) */
#define LIBBPF_PREFIX "Kernel error message: "

/* libxdp's message if the kernel refuses the attach (libxdp.c, 1.0 to 1.6) */
#define LIBXDP_AT_HOOK "Error attaching XDP program to ifindex"

/* the kernel's message for a driver without ndo_bpf (net/core/dev.c, since 4.20) */
#define KERNEL_NO_NATIVE "Underlying driver does not support XDP in native mode"

static _Thread_local char kernel_reason[256];
static _Thread_local char driver_reason[REFUSAL_REASON_SIZE];
static _Thread_local bool at_hook;

void refusal_listen(const char *format, va_list args)
{
	char line[sizeof(LIBBPF_PREFIX) + sizeof(kernel_reason) + 16];
	const char *reason;

	at_hook |= strstr(format, LIBXDP_AT_HOOK) != NULL;
	if (!strstr(format, LIBBPF_PREFIX))
		return;
	vsnprintf(line, sizeof(line), format, args);
	reason = strstr(line, LIBBPF_PREFIX) + strlen(LIBBPF_PREFIX);
	snprintf(kernel_reason, sizeof(kernel_reason), "%.*s", (int)strcspn(reason, "\n"), reason);
}

void refusal_forget(void)
{
	kernel_reason[0] = driver_reason[0] = '\0';
	at_hook = false;
}

enum refusal_stage refusal_stage(bool loaded)
{
	if (at_hook)
		return REFUSAL_AT_HOOK;
	return loaded ? REFUSAL_ATTACHING : REFUSAL_LOADING;
}

/* True if another mode would fail with @error, too: it is about programs on the interface or above
 * it, missing privileges, or an interface that is gone. */
static bool in_any_mode(int error)
{
	return error == -EBUSY || error == -EEXIST || error == -EPERM || error == -ENODEV;
}

const char *refusal_driver_reason(void)
{
	return driver_reason;
}

static void set_driver_reason(int error)
{
	if (!strcmp(kernel_reason, KERNEL_NO_NATIVE))
		snprintf(driver_reason, sizeof(driver_reason), REFUSAL_NO_NATIVE);
	else if (*kernel_reason)
		snprintf(driver_reason, sizeof(driver_reason), "the driver refuses native XDP: %s",
			 kernel_reason);
	else
		/* ixgbe gives no reason; gve, bnxt and mlx5 write it to the kernel's log */
		snprintf(driver_reason, sizeof(driver_reason),
			 "the driver refuses native XDP and gives no reason: %s; the kernel's log "
			 "may have one",
			 strerror(-error));
}

/* Remedies by a word in the driver's reason. */
static const struct {
	const char *word;
	const char *remedy;
} remedies[] = {
	{ "MTU", "lower the MTU, or " },
	{ "frame size", "lower the MTU, or " },
	{ "jumbo", "lower the MTU, or " },
	{ "LRO", "turn that off with ethtool -K, or " },
	{ "GRO", "turn that off where the virtual machine is configured, or " },
	{ "queue", "change their number with ethtool -L, or " },
};

static const char *remedy_for(const struct link *link)
{
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (strcasestr(kernel_reason, remedies[i].word))
			return remedies[i].remedy;
	return !*kernel_reason && link->mtu > ETH_DATA_LEN ? "lower the MTU, or " : "";
}

int refusal_err_load(struct err *err, int error, const struct link *link)
{
	char detail[64];

	if (error == -EPERM)
		return denied_add(err, err_set(err, error, "%s: loading the program: %s",
					       link->name, strerror(-error)));
	return err_set(
		err, error,
		"%s: the kernel refuses the program: %s (-v shows the verifier's last lines)",
		link->name, dispatcher_error_text(error, detail, sizeof(detail)));
}

int refusal_err_attach(struct err *err, int error, const struct link *link,
		       enum xdp_attach_mode mode, enum refusal_stage stage)
{
	char detail[64];

	if (mode == XDP_MODE_NATIVE && stage == REFUSAL_AT_HOOK && !in_any_mode(error)) {
		set_driver_reason(error);
		return err_set(err, -EOPNOTSUPP, "%s: %s; %suse --mode skb, which is slower",
			       link->name, driver_reason, remedy_for(link));
	}
	if (*kernel_reason)
		return err_set(err, error, "%s: the kernel refuses to attach the program: %s",
			       link->name, kernel_reason);
	if (stage != REFUSAL_LOADING)
		return err_set(err, error, "%s: attaching the program: %s", link->name,
			       dispatcher_error_text(error, detail, sizeof(detail)));
	return refusal_err_load(err, error, link);
}

int refusal_err_kind(struct err *err, const struct link *link, const char *reason)
{
	struct link parent = {};
	struct err ignored;

	if (link->parent && link->parent_nsid < 0)
		link_by_ifindex(link->parent, &parent, &ignored);
	if (link_is_vlan(link) && *parent.name && !link_hides_tags(&parent))
		return err_set(err, -EOPNOTSUPP,
			       "%s is a VLAN device of %s: %s, and answers there for addresses of "
			       "%s too; attach to %s, or use --mode skb here",
			       link->name, parent.name, reason, link->name, parent.name);
	return err_set(err, -EOPNOTSUPP, "%s is a %s device%s%s: %s; use --mode skb here",
		       link->name, link->kind, *parent.name ? " of " : "", parent.name, reason);
}

bool refusal_elsewhere(struct err *err, const struct link *link, const struct attach_state *state)
{
	for (unsigned int i = 0; i < state->count; i++) {
		if (!*state->prog[i].elsewhere)
			continue;
		err_write(err,
			  "%s: " PROG_NAME
			  " (id %u) runs there with the pins in %s; --bpffs names them",
			  link->name, state->prog[i].id, state->prog[i].elsewhere);
		return true;
	}
	return false;
}

int refusal_err_foreign(struct err *err, const struct link *link, const struct attach_state *state)
{
	char remedy[192] = "detach it first or reload it with xdp-loader", reason[128];

	if (!dispatcher_is_possible()) {
		dispatcher_alone_reason(reason, sizeof(reason));
		snprintf(remedy, sizeof(remedy), "none can be had here (%s), so detach it first",
			 reason);
	}
	return err_set(
		err, -EBUSY,
		"%s: another XDP program (id %u, \"%s\") is attached without a dispatcher; %s",
		link->name, state->prog[0].id, state->prog[0].name, remedy);
}
