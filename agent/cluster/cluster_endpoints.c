// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "binary_search.h"
#include "cleanup.h"
#include "clock.h"
#include "cluster_endpoints.h"
#include "cluster_kind.h"
#include "cluster_needed.h"
#include "loop.h"
#include "share.h"

/* Slices per page: a slice may have 100 endpoints and 50 kB. */
#define PAGE 100
/* The largest cluster that Kubernetes supports has fewer (150,000 pods). More are left out, those
 * of the largest namespaces, until there are fewer than SLICES_AGAIN. */
#define SLICES_MAX   ((size_t)50000)
#define SLICES_AGAIN (SLICES_MAX / 10 * 9)
#define SLICES_FULL  "there are more than 50000 objects; the others are ignored"
/* Tenants decide which Services need endpoints: at most one new list in this time. */
#define FOLLOW_NS CLOCK_NS_PER_S

struct cluster_endpoints {
	struct cluster_kind state;
	char *node, *class_name;
	struct service_class class;
	cluster_endpoints_fn *changed;
	void *userdata;
	struct cluster_needed needed;
	struct manifest *manifest; /* of the item in @source with the slices, sorted by name */
	char *path;		   /* that is watched; NULL: none */
	struct kube_watch *watch;
	sd_event_source *later; /* timer of another watch that has to wait */
	uint64_t followed_ns;	/* start of the last watch; 0: none */
	struct shares present;	/* how many slices were seen in or after the last list */
	bool full;		/* some of them didn't fit */
};

/* ---- the slices ---- */

/* The slice with @slice's name; NULL: there is none. *@ret_at: its index, or where to insert it.
 */
static struct endpoint_slice *find(const struct manifest *manifest,
				   const struct endpoint_slice *slice, size_t *ret_at)
{
	size_t at = SEARCH_FIRST(i, manifest->slice_count,
				 endpoint_slice_compare(&manifest->slices[i], slice) < 0);

	*ret_at = at;
	return at < manifest->slice_count && !endpoint_slice_compare(&manifest->slices[at], slice)
		       ? &manifest->slices[at]
		       : NULL;
}

/* Inserts @slice, or replaces the one of the same name. Takes ownership of @slice's contents.
 */
static void insert(struct manifest *manifest, const struct endpoint_slice *slice)
{
	size_t at;
	struct endpoint_slice *existing = find(manifest, slice, &at);

	if (existing) {
		endpoint_slice_clear(existing);
		*existing = *slice;
		return;
	}
	ALLOC_GROW(manifest->slices, manifest->slice_count, manifest->slice_capacity);
	for (size_t i = manifest->slice_count++; i > at; i--)
		manifest->slices[i] = manifest->slices[i - 1];
	manifest->slices[at] = *slice;
}

/* The caller clears it. */
static struct endpoint_slice take_out(struct manifest *manifest, size_t at)
{
	struct endpoint_slice slice = manifest->slices[at];

	memmove(&manifest->slices[at], &manifest->slices[at + 1],
		(--manifest->slice_count - at) * sizeof(*manifest->slices));
	return slice;
}

static void mark(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->slice_count; i++)
		manifest->slices[i].present = false;
}

/* Removes what isn't present. */
static void sweep(struct manifest *manifest)
{
	size_t kept = 0;

	for (size_t i = 0; i < manifest->slice_count; i++)
		if (manifest->slices[i].present)
			manifest->slices[kept++] = manifest->slices[i];
		else
			endpoint_slice_clear(&manifest->slices[i]);
	manifest->slice_count = kept;
}

/* Inserts a placeholder for the Service @name, NAMESPACE/NAME, whose slices haven't all been
 * listed. No slice of a server can have its name. */
static void put_unknown(struct cluster_endpoints *endpoints, const char *name)
{
	const char *slash = strchr(name, '/');
	const struct endpoint_slice slice = {
		.namespace = xstrndup(name, slash - name),
		.name = xasprintf("?%s", slash + 1),
		.service = xstrdup(slash + 1),
		.facts = ENDPOINT_UNKNOWN,
	};

	insert(endpoints->manifest, &slice);
}

/* NAMESPACE/NAME of the Service that @slice belongs to; NULL: we follow no such Service. */
static char *needed_by(const struct cluster_endpoints *endpoints,
		       const struct endpoint_slice *slice)
{
	_cleanup_free_ char *name =
		slice->service ? xasprintf("%s/%s", slice->namespace, slice->service) : NULL;

	return name && cluster_needed_has(&endpoints->needed, name) ? TAKE_PTR(name) : NULL;
}

static bool is_needed(const struct cluster_endpoints *endpoints, const struct endpoint_slice *slice)
{
	_cleanup_free_ char *name = needed_by(endpoints, slice);

	return name;
}

/* ---- how many there may be ---- */

static struct share *share_of(struct cluster_endpoints *endpoints, const char *namespace)
{
	return share_get(&endpoints->present, namespace, strlen(namespace));
}

static void set_present(struct cluster_endpoints *endpoints, struct endpoint_slice *slice,
			bool present)
{
	struct share *share = share_of(endpoints, slice->namespace);

	share_set(&endpoints->present, share, share->used + present - slice->present);
	share_tidy(&endpoints->present, share);
	slice->present = present;
}

/* @slice has no place: what is known of its Service isn't all. */
static void leave_out(struct cluster_endpoints *endpoints, const struct endpoint_slice *slice)
{
	_cleanup_free_ char *name = needed_by(endpoints, slice);

	if (!endpoints->full)
		cluster_kind_log(&endpoints->state, LOG_ERR, SLICES_FULL);
	endpoints->full = true;
	share_of(endpoints, slice->namespace)->cut = true;
	if (!name)
		return;
	put_unknown(endpoints, name);
	if (endpoints->state.known)
		endpoints->changed(endpoints->userdata);
}

/* The last present slice of @share's namespace, which has one. */
static size_t last_of(const struct manifest *manifest, const struct share *share)
{
	size_t at = SEARCH_FIRST(i, manifest->slice_count,
				 strcmp(manifest->slices[i].namespace, share->namespace) <= 0);

	do
		at--;
	while (!manifest->slices[at].present);
	return at;
}

/* Is there room for a slice in @namespace, or does a larger one give way? */
static bool make_room(struct cluster_endpoints *endpoints, const char *namespace)
{
	struct share *larger;
	struct endpoint_slice last;
	size_t excess;

	if (endpoints->present.used < SLICES_MAX)
		return true;
	larger = shares_above(&endpoints->present, share_of(endpoints, namespace)->used + 1,
			      &excess);
	if (!larger)
		return false;
	last = take_out(endpoints->manifest, last_of(endpoints->manifest, share_largest(larger)));
	set_present(endpoints, &last, false);
	leave_out(endpoints, &last);
	endpoint_slice_clear(&last);
	return true;
}

/* ---- events of the watch ---- */

static void on_reset(uint64_t version, void *userdata)
{
	struct cluster_endpoints *endpoints = userdata;

	mark(endpoints->manifest);
	shares_free(&endpoints->present);
	endpoints->full = false;
}

static bool same_slice(const struct endpoint_slice *a, const struct endpoint_slice *b)
{
	return a->facts == b->facts && a->family == b->family &&
	       !strcmp(a->service ?: "", b->service ?: "");
}

/* Stores the slice @object; @why: it can't be parsed, and its facts stay as they were; NULL: it
 * can.
 */
static void on_slice(struct cluster_endpoints *endpoints, const json_t *object, bool deleted,
		     const char *why)
{
	const struct place place = { "an EndpointSlice", NULL };
	struct endpoint_slice slice, *before;
	bool matters, was_present;
	struct err err;
	size_t at;

	if (endpoint_slice_parse(&place, object, endpoints->node, &slice, &err) < 0) {
		cluster_kind_log(&endpoints->state, LOG_ERR, err.text);
		return;
	}
	before = find(endpoints->manifest, &slice, &at);
	if (why) {
		slice.facts = before ? before->facts : ENDPOINT_UNKNOWN;
		err_write(&err, "%s/%s: %s", slice.namespace, slice.name, why);
		cluster_kind_log_of(&endpoints->state, LOG_ERR, slice.namespace, err.text);
	}
	matters = is_needed(endpoints, &slice) || (before && is_needed(endpoints, before));
	was_present = before && before->present;
	if (deleted) {
		endpoint_slice_clear(&slice);
		if (was_present)
			set_present(endpoints, before, false);
		if (before) {
			slice = take_out(endpoints->manifest, at);
			endpoint_slice_clear(&slice);
		}
		matters |= endpoints->full;
	} else {
		matters = matters && (!before || !same_slice(before, &slice));
		if (!was_present && !make_room(endpoints, slice.namespace)) {
			leave_out(endpoints, &slice);
			endpoint_slice_clear(&slice);
			return;
		}
		slice.present = was_present;
		set_present(endpoints, &slice, true);
		insert(endpoints->manifest, &slice);
	}
	if (matters && endpoints->state.known)
		endpoints->changed(endpoints->userdata);
}

static void on_object(const json_t *object, bool deleted, void *userdata)
{
	on_slice(userdata, object, deleted, NULL);
}

static void on_unparsed(const json_t *object, const char *why, void *userdata)
{
	on_slice(userdata, object, false, why);
}

/* Has the watch listed the slices, or found that the server has none? */
static bool is_listed(const struct cluster_endpoints *endpoints)
{
	return endpoints->watch &&
	       (kube_watch_version(endpoints->watch) || endpoints->state.absent);
}

/* Is all known of the Service @name, NAMESPACE/NAME? */
static bool is_known(const struct cluster_endpoints *endpoints, const char *name)
{
	const struct share *share = share_find(&endpoints->present, name, strcspn(name, "/"));

	return is_listed(endpoints) && cluster_needed_path_has(endpoints->path, name) &&
	       !(share && share->cut);
}

static void on_synced(void *userdata)
{
	struct cluster_endpoints *endpoints = userdata;
	const struct cluster_needed *needed = &endpoints->needed;

	sweep(endpoints->manifest);
	for (size_t i = 0; i < needed->count; i++)
		if (!is_known(endpoints, needed->list[i]))
			put_unknown(endpoints, needed->list[i]);
	/* another watch, where that leaves some */
	loop_timer_after(endpoints->later, 0);
	endpoints->state.known = true;
	endpoints->changed(endpoints->userdata);
}

static void on_reachable(const char *trouble, void *userdata)
{
	struct cluster_endpoints *endpoints = userdata;

	cluster_kind_reachable(&endpoints->state, trouble);
	/* the list, if there was one, begins again */
	if (trouble)
		loop_timer_after(endpoints->later, 0);
}

static bool on_missing(void *userdata)
{
	struct cluster_endpoints *endpoints = userdata;

	if (!cluster_kind_missing(&endpoints->state,
				  "the server doesn't know this kind; externalTrafficPolicy Local "
				  "is treated as Cluster within a minute"))
		return false;
	on_reset(0, endpoints);
	on_synced(endpoints);
	return false;
}

static const struct kube_watch_events watch_events = {
	.page = PAGE,
	.reset = on_reset,
	.object = on_object,
	.unparsed = on_unparsed,
	.synced = on_synced,
	.reachable = on_reachable,
	.missing = on_missing,
};

/* ---- life ---- */

static void stop(struct cluster_endpoints *endpoints)
{
	kube_watch_free(endpoints->watch);
	endpoints->watch = NULL;
	free(endpoints->path);
	endpoints->path = NULL;
	cluster_kind_unfollow(&endpoints->state);
	endpoints->full = false;
}

/* Watches the slices that the Services need now: at once, as soon as FOLLOW_NS permits, or when a
 * list under way has ended or failed. Otherwise tenants could keep every list from ending. */
static void follow(struct cluster_endpoints *endpoints)
{
	_cleanup_free_ char *path = cluster_needed_path(&endpoints->needed);
	uint64_t now_ns = clock_boot_ns();
	struct err err;

	loop_timer_after(endpoints->later, LOOP_NEVER);
	if (endpoints->path && !strcmp(path, endpoints->path))
		return;
	if (!endpoints->needed.count) {
		stop(endpoints);
		mark(endpoints->manifest);
		sweep(endpoints->manifest);
		endpoints->state.known = true;
		return;
	}
	if (endpoints->watch && !is_listed(endpoints) && !*endpoints->state.trouble.text)
		return;
	if (endpoints->followed_ns && now_ns < endpoints->followed_ns + FOLLOW_NS) {
		loop_timer_at(endpoints->later, endpoints->followed_ns + FOLLOW_NS);
		return;
	}
	/* its lists don't have what is needed now */
	stop(endpoints);
	if (kube_watch_new(endpoints->state.kube, path, &watch_events, endpoints, &endpoints->watch,
			   &err) < 0) {
		cluster_kind_log(&endpoints->state, LOG_ERR, err.text);
		return;
	}
	endpoints->followed_ns = now_ns;
	endpoints->path = path;
	path = NULL;
}

static int on_later(sd_event_source *source, uint64_t usec, void *userdata)
{
	follow(userdata);
	return 0;
}

bool cluster_endpoints_settle(struct cluster_endpoints *endpoints)
{
	bool first = !endpoints->manifest;
	struct cluster_needed needed = {}, before = endpoints->needed;

	if (endpoints->full && endpoints->present.used < SLICES_AGAIN && endpoints->watch &&
	    kube_watch_version(endpoints->watch))
		kube_watch_restart(endpoints->watch, true);

	if (first)
		endpoints->manifest = &source_items_get_object(&endpoints->state.source->items,
							       "endpointslices ", NULL, "")
					       ->manifest;
	cluster_needed_find(&endpoints->state.source->items, endpoints->node, &endpoints->class,
			    &needed);
	if (!first && cluster_needed_equal(&needed, &before)) {
		cluster_needed_free(&needed);
		return endpoints->state.known;
	}
	for (size_t i = 0; i < needed.count; i++)
		if (!cluster_needed_has(&before, needed.list[i]) &&
		    !is_known(endpoints, needed.list[i]))
			put_unknown(endpoints, needed.list[i]);
	endpoints->needed = needed;
	cluster_needed_free(&before);
	follow(endpoints);
	return endpoints->state.known;
}

void cluster_endpoints_status(const struct cluster_endpoints *endpoints,
			      struct source_status *status)
{
	if (endpoints->full && !*status->trouble.text)
		err_write(&status->trouble, "%s: EndpointSlice: " SLICES_FULL,
			  kube_server(endpoints->state.kube));
	if (endpoints->watch)
		cluster_kind_status(&endpoints->state, status);
}

void cluster_endpoints_free(struct cluster_endpoints *endpoints)
{
	if (!endpoints)
		return;
	stop(endpoints);
	sd_event_source_disable_unref(endpoints->later);
	cluster_needed_free(&endpoints->needed);
	shares_free(&endpoints->present);
	free(endpoints->node);
	free(endpoints->class_name);
	free(endpoints);
}

int cluster_endpoints_new(sd_event *event, struct kube *kube, struct source *source,
			  const struct source_options *options, cluster_endpoints_fn *changed,
			  void *userdata, struct cluster_endpoints **ret_endpoints, struct err *err)
{
	struct cluster_endpoints *endpoints = xcalloc(1, sizeof(*endpoints));
	int r;

	*endpoints = (struct cluster_endpoints){
		.state = { .kube = kube, .source = source, .name = "EndpointSlice" },
		.node = xstrdup(options->node),
		.class_name = xstrdup(options->class.name),
		.changed = changed,
		.userdata = userdata,
	};
	endpoints->class = (struct service_class){ endpoints->class_name, options->class.required };
	r = loop_timer_new(event, LOOP_NEVER, on_later, endpoints, &endpoints->later);
	if (r < 0) {
		cluster_endpoints_free(endpoints);
		return err_set(err, r, "following endpoints: %s", strerror(-r));
	}
	*ret_endpoints = endpoints;
	return 0;
}
