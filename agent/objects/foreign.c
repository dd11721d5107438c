// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "foreign.h"

static const struct {
	const char *group, *kind, *note;
} kinds[] = {
	{ "metallb.io/", "IPAddressPool",
	  "which is MetalLB's; here it is a CiliumLoadBalancerIPPool, see " FOREIGN_PAGE },
	{ "metallb.io/", "L2Advertisement",
	  "which is MetalLB's; here it is a CiliumL2AnnouncementPolicy, see " FOREIGN_PAGE },
	{ "metallb.io/", "", "which is MetalLB's, see " FOREIGN_PAGE },
};

/* Groups of annotations. */
static const struct {
	const char *prefix;
	bool elsewhere; /* belongs to another program */
} groups[] = {
	{ "lbipam.cilium.io/", false },	  { "xdp-l2resp.io/", false }, { "metallb.io/", true },
	{ "metallb.universe.tf/", true }, { "kube-vip.io/", true },
};

/* Cilium's annotation that would change which Services share an address. */
#define DIFFERENT_PODS "lbipam.cilium.io/sharing-permit-different-pods"

static bool begins_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

const char *foreign_kind(const char *api, const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (begins_with(api, kinds[i].group) &&
		    (!*kinds[i].kind || !strcmp(kinds[i].kind, kind)))
			return kinds[i].note;
	return NULL;
}

static bool is_known(const char *name, const char *const *known)
{
	while (*known && strcmp(*known, name) != 0)
		known++;
	return *known;
}

/* Does @name belong to one of the groups? Sets *@ret_elsewhere if that is another program's. */
static bool is_of_group(const char *name, bool *ret_elsewhere)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (begins_with(name, groups[i].prefix)) {
			*ret_elsewhere |= groups[i].elsewhere;
			return true;
		}
	return false;
}

void foreign_annotations(const struct place *place, json_t *annotations, const char *const *known,
			 object_note_fn *note, void *data)
{
	struct err text = {}, line;
	bool elsewhere = false;
	const char *name;
	json_t *value;

	/* one line, truncated if necessary */
	json_object_foreach(annotations, name, value)
	{
		if (is_known(name, known) || !is_of_group(name, &elsewhere))
			continue;
		err_add(&text, "%s%s%s", *text.text ? ", " : "annotations that are ignored: ", name,
			strcmp(name, DIFFERENT_PODS) ? "" : " (not supported: they don't share)");
	}
	if (!*text.text)
		return;
	if (elsewhere)
		err_add(&text, "; see " FOREIGN_PAGE);
	place_err_write(&line, place, annotations, NULL, text.text);
	note(line.text, data);
}
