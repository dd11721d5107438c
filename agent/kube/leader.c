// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <sys/random.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "json.h"
#include "leader.h"

/*
 * A request counts as begun within VALID_NS of when the last confirmed renewal was sent, and is
 * given up KUBE_WRITE_NS later. Others have seen the renewal after it was sent, and wait for
 * TAKEOVER_NS without another: longer than both together, by 3 s.
 */
#define NS_PER_SECOND UINT64_C(1000000000)
#define VALID_NS      (7 * NS_PER_SECOND)
#define RENEW_NS      (3 * NS_PER_SECOND)
#define TAKEOVER_NS   (15 * NS_PER_SECOND)
_Static_assert(VALID_NS + KUBE_WRITE_NS + 3 * NS_PER_SECOND <= TAKEOVER_NS, "one leads at a time");
#define TICK_USEC 1000000

struct leader {
	struct kube *kube;
	struct kube_watch *watch;
	struct http_call *call;
	sd_event_source *tick;
	struct leader_callbacks callbacks;
	void *userdata;
	char *path; /* of the namespace's Lease objects */
	char *name, *identity;
	bool want;
	bool synced;	     /* what is there was seen */
	bool there;	     /* the object */
	bool mine;	     /* by its holderIdentity */
	char version[32];    /* of what was seen last */
	uint64_t seen_ns;    /* when */
	uint64_t sent_ns;    /* the write that is under way */
	uint64_t renewed_ns; /* when the last confirmed write was sent; 0: none */
	bool led;	     /* as it was last told */
	char trouble[256];   /* of the last write; "": none */
};

bool leader_leads(const struct leader *leader)
{
	return leader->renewed_ns && clock_boot_ns() < leader->renewed_ns + VALID_NS;
}

static void tell(struct leader *leader)
{
	bool leads = leader_leads(leader);

	if (leads == leader->led)
		return;
	leader->led = leads;
	leader->callbacks.changed(leader->userdata);
}

static void see(struct leader *leader, const json_t *lease)
{
	const json_t *metadata = json_object_get(lease, "metadata");
	const json_t *spec = json_object_get(lease, "spec");
	const char *version = json_string_value(json_object_get(metadata, "resourceVersion"));
	const char *holder = json_string_value(json_object_get(spec, "holderIdentity"));

	/* an event that is older than the answer to a write of ours */
	if (kube_version(lease) < strtoull(leader->version, NULL, 10))
		return;
	leader->there = true;
	if (version && strcmp(version, leader->version) != 0) {
		snprintf(leader->version, sizeof(leader->version), "%s", version);
		leader->seen_ns = clock_boot_ns();
	}
	leader->mine = holder && !strcmp(holder, leader->identity);
	/* somebody took it away, by hand: what was sent is over in its time */
	if (!leader->mine)
		leader->renewed_ns = 0;
}

static void on_reset(uint64_t version, void *userdata)
{
	struct leader *leader = userdata;

	if (strtoull(leader->version, NULL, 10) <= version)
		leader->version[0] = '\0';
	leader->there = false;
}

static void on_object(const json_t *object, bool deleted, void *userdata)
{
	struct leader *leader = userdata;

	see(leader, object);
	if (deleted) {
		/* its holder may not know yet: as long as after a renewal */
		leader->there = leader->mine = false;
		leader->renewed_ns = 0;
		leader->seen_ns = clock_boot_ns();
	}
	tell(leader);
}

static void on_synced(void *userdata)
{
	struct leader *leader = userdata;

	leader->synced = true;
}

/* What was seen may be old then: a write that rests on it is refused. */
static void on_reachable(const char *trouble, void *userdata)
{
	(void)trouble;
	(void)userdata;
}

static const struct kube_watch_events watch_events = {
	.reset = on_reset,
	.object = on_object,
	.synced = on_synced,
	.reachable = on_reachable,
};

static void on_written(const struct http_result *result, void *userdata)
{
	struct leader *leader = userdata;
	_cleanup_json_ json_t *json = http_json(result);
	char text[HTTP_TROUBLE_MAX];
	const char *why;

	leader->call = NULL;
	if (json) {
		see(leader, json);
		if (leader->mine)
			leader->renewed_ns = leader->sent_ns;
		leader->trouble[0] = '\0';
		tell(leader);
		return;
	}
	/* 409: somebody was faster, which the watch shows, now or soon */
	if (result->status == 409)
		leader->seen_ns = clock_boot_ns();
	why = kube_trouble(result, text);
	if (result->status != 409 && strcmp(why, leader->trouble) != 0) {
		struct err said;

		err_write(&said, "lease %s: %s", leader->name, why);
		leader->callbacks.log(LOG_WARNING, said.text, leader->userdata);
		snprintf(leader->trouble, sizeof(leader->trouble), "%s", why);
	}
}

/* A MicroTime: the API server wants all six digits. It is for people. */
static void now_text(char text[64])
{
	struct timespec now;
	char date[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
	snprintf(text, 64, "%s.%06ldZ", date, now.tv_nsec / 1000);
}

/* Takes or renews it, if it is as it was seen. */
static void write_lease(struct leader *leader)
{
	_cleanup_free_ char *path = leader->there ? xasprintf("%s/%s", leader->path, leader->name)
						  : xstrdup(leader->path);
	char now[64];
	json_t *body;

	now_text(now);
	body = json_pack("{ss ss s{ss} s{ss si ss}}", "apiVersion", "coordination.k8s.io/v1",
			 "kind", "Lease", "metadata", "name", leader->name, "spec",
			 "holderIdentity", leader->identity, "leaseDurationSeconds",
			 (int)(TAKEOVER_NS / NS_PER_SECOND), "renewTime", now);
	if (leader->there)
		json_object_set_new(json_object_get(body, "metadata"), "resourceVersion",
				    json_string(leader->version));
	leader->sent_ns = clock_boot_ns();
	leader->call = kube_request(leader->kube, leader->there ? "PATCH" : "POST", path, body,
				    on_written, leader);
	json_decref(body);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct leader *leader = userdata;
	uint64_t now_ns = clock_boot_ns();
	bool due;

	(void)usec;
	if (leader->mine)
		due = now_ns >= leader->renewed_ns + RENEW_NS;
	else
		due = leader->want && (!leader->seen_ns || now_ns >= leader->seen_ns + TAKEOVER_NS);
	if (due && (leader->mine || leader->synced) && !leader->call)
		write_lease(leader);
	tell(leader);
	sd_event_source_set_time_relative(source, TICK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void leader_want(struct leader *leader, bool want)
{
	leader->want = want;
}

void leader_free(struct leader *leader)
{
	if (!leader)
		return;
	http_cancel(leader->call);
	kube_watch_free(leader->watch);
	sd_event_source_disable_unref(leader->tick);
	free(leader->path);
	free(leader->name);
	free(leader->identity);
	free(leader);
}

int leader_new(sd_event *event, struct kube *kube, const char *name, const char *node,
	       const struct leader_callbacks *callbacks, void *userdata, struct leader **ret_leader,
	       struct err *err)
{
	struct leader *leader = xcalloc(1, sizeof(*leader));
	_cleanup_free_ char *watched = NULL;
	uint64_t number = 0;
	int r;

	leader->kube = kube;
	leader->callbacks = *callbacks;
	leader->userdata = userdata;
	leader->name = xstrdup(name);
	leader->path = xasprintf("/apis/coordination.k8s.io/v1/namespaces/%s/leases",
				 kube_namespace(kube));
	watched = xasprintf("%s?fieldSelector=metadata.name%%3D%s", leader->path, name);
	/* 256 bytes and fewer come at once, or not at all (getrandom(2)) */
	r = getrandom(&number, sizeof(number), 0) < 0 ? negative_errno() : 0;
	leader->identity = xasprintf("%s_%016llx", node, (unsigned long long)number);
	if (!r)
		r = sd_event_add_time_relative(event, &leader->tick, CLOCK_BOOTTIME, TICK_USEC,
					       10000, on_tick, leader);
	if (r < 0)
		err_write(err, "electing a leader: %s", strerror(-r));
	else
		r = kube_watch_new(kube, watched, &watch_events, leader, &leader->watch, err);
	if (r < 0) {
		leader_free(leader);
		return r;
	}
	*ret_leader = leader;
	return 0;
}
