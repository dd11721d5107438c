// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "announcer.h"
#include "cleanup.h"
#include "clock.h"
#include "config.h"
#include "defender.h"
#include "desired.h"
#include "identity.h"
#include "inquiry.h"
#include "lease_name.h"
#include "links.h"
#include "log.h"
#include "notify.h"
#include "policy.h"
#include "service_events.h"
#include "source.h"
#include "text.h"

#define USEC_PER_SEC 1000000ULL
/* Entries are compared with the map, and sysctls read again, that often. */
#define PERIOD_USEC (5 * USEC_PER_SEC)
/* Another writer has the lock, or an interface just went away: again after that. */
#define RETRY_USEC 20000
/* SIGTERM: the store may be out of reach. */
#define STOP_USEC (3 * USEC_PER_SEC)
/* More gained addresses than these are put in by a comparison of everything. */
#define PENDING_MAX 256
/* Single lines in the log, of a change that may concern 100,000 addresses. */
#define LOG_MAX 10

/* What the helper is to do: the more urgent, the higher. */
enum due {
	DUE_NOTHING,
	DUE_CHECK,
	DUE_ATTACH,
};

/* What became of our program on an interface. */
enum attachment_state {
	ATTACHING, /* the helper looks for it, or puts it there */
	ATTACHED,
	FAILED,
};

struct attachment {
	uint32_t ifindex;
	enum attachment_state state;
	enum due due;
	bool seen;	  /* rtnetlink has told of a program there since */
	struct err error; /* empty: attached */
};

/* An entry that the comparison added or changed, to be announced. */
struct news {
	struct address address;
	uint32_t ifindex;
};

struct agent {
	sd_event *event;
	struct notify *notify;
	struct helper *helper;
	const char *path;
	struct config config;
	struct identity identity;
	struct source *source;
	struct links *links;
	struct program *program;
	struct announcer *announcer;
	struct defender *defender;
	struct inquiry *inquiry;
	struct service_events *events;
	struct lease_manager *manager;
	struct desired desired;
	struct kernel_view kernel; /* that desired was made with */
	struct attachment *attachments;
	size_t attachment_count;

	sd_event_source *work;	 /* reconcile, as soon as the loop gets to it */
	sd_event_source *period; /* and every PERIOD_USEC */
	sd_event_source *refresh;
	sd_event_source *stopping;
	sd_event_source *unlock; /* at the end of each turn */

	bool looked;			    /* where the program is, at the start */
	bool manager_told;		    /* what is wanted */
	bool evaluated;			    /* desired is of the manifests and interfaces */
	uint64_t evaluate_ns, judged_at_ns; /* how long the last evaluation took, and its end */
	bool session_known;		    /* the manager has said what it holds */
	bool dirty_all;
	struct address pending[PENDING_MAX]; /* else these are to be looked at */
	size_t pending_count;
	struct news *news;
	size_t news_count, news_capacity;
	size_t changes_logged;
	size_t transitions; /* addresses gained and lost since the last reconcile */
	bool told_ready;
	char told_status[128];
	struct agent_figures figures;
	struct err failure; /* of the last reconcile; empty: none */
};

static void plan(struct agent *agent, uint64_t usec)
{
	sd_event_source_set_time_relative(agent->work, usec);
	sd_event_source_set_enabled(agent->work, SD_EVENT_ONESHOT);
}

static void plan_all(struct agent *agent)
{
	agent->dirty_all = true;
	plan(agent, 0);
}

/* ---- interfaces ---- */

static struct attachment *attachment_find(const struct agent *agent, uint32_t ifindex)
{
	for (size_t i = 0; i < agent->attachment_count; i++)
		if (agent->attachments[i].ifindex == ifindex)
			return &agent->attachments[i];
	return NULL;
}

static bool ready_on(const struct link_row *row, void *userdata)
{
	const struct attachment *attachment = attachment_find(userdata, row->link.ifindex);

	return attachment && attachment->state == ATTACHED;
}

static bool usable(const struct agent *agent, const struct link_row *row)
{
	return row && row->carrier && ready_on(row, (void *)agent);
}

static struct attachment *attachment_get(struct agent *agent, const struct link *link)
{
	struct attachment *found = attachment_find(agent, link->ifindex), *list;

	if (found)
		return found;
	list = reallocarray(agent->attachments, agent->attachment_count + 1, sizeof(*list));
	if (!list)
		return NULL;
	agent->attachments = list;
	found = &list[agent->attachment_count++];
	*found = (struct attachment){ .ifindex = link->ifindex, .due = DUE_CHECK };
	err_write(&found->error, "%s: the program isn't attached yet", link->name);
	return found;
}

/* Forgets interfaces that are gone, and those that no policy selects any more: what an
 * administrator does there is no business of ours. @selected: of each row of the links' table. */
static void attachments_prune(struct agent *agent, const bool *selected)
{
	const struct link_table *links = links_table(agent->links);
	size_t kept = 0;

	for (size_t i = 0; i < agent->attachment_count; i++) {
		const struct link_row *row = link_table_find(links, agent->attachments[i].ifindex);

		if (row && selected[row - links->rows])
			agent->attachments[kept++] = agent->attachments[i];
	}
	agent->attachment_count = kept;
}

/*
 * Sees to it that our program is on @row. @look: ask the kernel even where it was there and
 * rtnetlink tells of nothing new.
 */
static void ensure_attached(struct agent *agent, const struct link_row *row, bool look)
{
	struct attachment *attachment = attachment_get(agent, &row->link);

	if (!attachment)
		return;
	attachment->seen = attachment->seen || row->link.xdp;
	if (attachment->state == FAILED ||
	    (attachment->state == ATTACHED && (look || (!row->link.xdp && attachment->seen))))
		attachment->due = DUE_CHECK;
}

/* Our program on every interface of @selection. */
static int attach_selected(struct agent *agent, const struct selection *selection, bool look,
			   struct err *err)
{
	const struct link_table *links = links_table(agent->links);
	_cleanup_free_ bool *selected = calloc(links->count + 1, sizeof(*selected));

	if (!selected)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < selection->count; i++) {
		const struct link_row *row = link_table_find(links, selection->list[i].ifindex);

		if (row)
			selected[row - links->rows] = true;
	}
	attachments_prune(agent, selected);
	for (size_t l = 0; l < links->count; l++)
		if (selected[l])
			ensure_attached(agent, &links->rows[l], look);
	return 0;
}

/* Looks whether our program is where it should be, and has it put back. */
static void attach_look(struct agent *agent)
{
	const struct link_table *links = links_table(agent->links);

	for (size_t i = 0; i < links->count; i++)
		if (attachment_find(agent, links->rows[i].link.ifindex))
			ensure_attached(agent, &links->rows[i], true);
}

/* Is there an interface of which the helper has still to say what became of it? */
static bool attaching(const struct agent *agent)
{
	for (size_t i = 0; i < agent->attachment_count; i++)
		if (agent->attachments[i].state == ATTACHING)
			return true;
	return false;
}

/* The program is on @link now, or @result is why not, with @err. Returns whether that is new. */
static bool attach_done(struct attachment *attachment, const struct link *link, int result,
			const struct err *err)
{
	enum attachment_state former = attachment->state;

	if (result < 0 && strcmp(err->text, attachment->error.text) != 0)
		log_say(LOG_ERR, "%s", err->text);
	attachment->error.text[0] = '\0';
	if (result < 0)
		attachment->error = *err;
	attachment->state = result < 0 ? FAILED : ATTACHED;
	attachment->seen = link->xdp;
	return attachment->state != former;
}

/* The same of what the helper said of @task. */
static bool attach_answered(struct attachment *attachment, const struct link *link, uint32_t task,
			    int result, const struct err *err)
{
	if (task == HELPER_CHECK && !result) {
		attachment->due = DUE_ATTACH;
		return false;
	}
	return attach_done(attachment, link, result, err);
}

static void input_changed(void *userdata);

static void helper_answered(const struct helper_answer *answer, void *userdata)
{
	struct agent *agent = userdata;
	struct attachment *attachment = attachment_find(agent, answer->ifindex);
	const struct link_row *row = link_table_find(links_table(agent->links), answer->ifindex);

	program_answered(agent->program, answer);
	if (attachment && row &&
	    attach_answered(attachment, &row->link, answer->task, answer->result, &answer->err))
		input_changed(agent);
}

/*
 * Where the program is already is asked at once, until what the source says is known: what a former
 * process left for these interfaces goes on. -EAGAIN: another writer is at work.
 */
static int look_first(struct agent *agent)
{
	for (size_t i = 0; i < agent->attachment_count; i++) {
		struct attachment *attachment = &agent->attachments[i];
		const struct link_row *row =
			link_table_find(links_table(agent->links), attachment->ifindex);
		struct err err;
		int r;

		if (!row || attachment->due != DUE_CHECK)
			continue;
		r = program_check(agent->program, &row->link, &agent->config.attach, &err);
		if (r == -EAGAIN)
			return r;
		attachment->due = DUE_NOTHING;
		attach_answered(attachment, &row->link, HELPER_CHECK, r, &err);
	}
	return 0;
}

static struct attachment *most_urgent(const struct agent *agent)
{
	struct attachment *most = NULL;

	for (size_t i = 0; i < agent->attachment_count; i++) {
		struct attachment *attachment = &agent->attachments[i];

		if (attachment->due > (most ? most->due : DUE_NOTHING) &&
		    link_table_find(links_table(agent->links), attachment->ifindex))
			most = attachment;
	}
	return most;
}

/* Has the helper do what is due. */
static void ask_helper(struct agent *agent)
{
	bool may = agent->looked && !helper_busy(agent->helper);
	struct attachment *attachment = may ? most_urgent(agent) : NULL;
	const struct link *link;
	enum helper_task task;
	struct err err;
	int r;

	if (!attachment)
		return;
	task = attachment->due == DUE_ATTACH ? HELPER_ATTACH : HELPER_CHECK;
	link = &link_table_find(links_table(agent->links), attachment->ifindex)->link;
	r = program_ask(agent->program, task, link, &agent->config.attach, &err);
	if (r == -EAGAIN) {
		plan(agent, RETRY_USEC);
		return;
	}
	attachment->due = DUE_NOTHING;
	if (r < 0 && attach_done(attachment, link, r, &err))
		input_changed(agent);
	else if (r >= 0 && task == HELPER_ATTACH)
		links_attaching(agent->links, link->ifindex);
}

/* ---- what should be ---- */

static bool same_preference(const struct target *a, const struct target *b)
{
	const char *left = a->preferred_node ?: "", *right = b->preferred_node ?: "";

	return a->last_resort == b->last_resort && !strcmp(left, right);
}

/* Tells the manager what is no longer wanted, and what is. */
static void tell_manager(struct agent *agent, const struct desired *before)
{
	const struct desired *now = &agent->desired;
	size_t old = 0;

	for (size_t i = 0; i < before->count; i++) {
		const struct target *target = desired_find(now, &before->list[i].address);

		if (before->list[i].wanted && (!target || !target->wanted))
			lease_manager_unwant(agent->manager, &before->list[i].address);
	}
	for (size_t i = 0; i < now->count; i++) {
		const struct target *target = &now->list[i], *was = NULL;
		struct lease_preference preference = { target->preferred_node,
						       target->last_resort };

		while (old < before->count &&
		       address_compare(&before->list[old].address, &target->address) < 0)
			old++;
		if (old < before->count &&
		    !address_compare(&before->list[old].address, &target->address))
			was = &before->list[old];
		if (target->wanted && (!was || !was->wanted || !same_preference(was, target)))
			lease_manager_want(agent->manager, &target->address, &preference);
	}
}

static void log_blocked(const struct desired *before, const struct desired *now)
{
	if (now->blocked &&
	    (!before->blocked || strcmp(before->why_blocked.text, now->why_blocked.text) != 0))
		log_say(LOG_ERR, "%s%s", now->why_blocked.text,
			now->blocked > 1 ? " (and others like it)" : "");
	if (!now->blocked && before->blocked)
		log_say(LOG_NOTICE, "the kernel no longer answers in our place");
}

/* Applies policies to manifests and interfaces, and passes on what follows. @look as in
 * ensure_attached(). What fails is tried again with the period. */
static void evaluate(struct agent *agent, bool look)
{
	size_t count;
	const struct manifest *const *manifests = source_manifests(agent->source, &count);
	const struct link_table *links = links_table(agent->links);
	struct desired before = agent->desired, now = {};
	struct selection selection = {};
	struct kernel_view view = {};
	uint64_t begun_ns = clock_boot_ns();
	struct err err;
	int r = policy_select(manifests, count, agent->config.node,
			      agent->config.load_balancer_class, links, &selection, &err);

	agent->evaluated = false;
	if (!r)
		r = attach_selected(agent, &selection, look, &err);
	if (!r && !agent->looked && look_first(agent) == -EAGAIN) {
		selection_free(&selection);
		plan(agent, RETRY_USEC);
		return;
	}
	agent->looked = agent->looked || (!r && source_known(agent->source));
	if (!r)
		r = kernel_view_read(&view, &err);
	if (!r)
		r = desired_make(&selection, links, &view, ready_on, agent, &now, &err);
	selection_free(&selection);
	if (r < 0) {
		kernel_view_free(&view);
		log_say(LOG_ERR, "%s", err.text);
		return;
	}
	agent->evaluated = true;
	log_blocked(&before, &now);
	kernel_view_free(&agent->kernel);
	agent->kernel = view;
	agent->desired = now;
	inquiry_apply(agent->inquiry, &before, &agent->desired, agent->config.probe);
	tell_manager(agent, agent->manager_told ? &before : &(struct desired){});
	agent->manager_told = true;
	desired_free(&before);
	agent->judged_at_ns = clock_boot_ns();
	agent->evaluate_ns = agent->judged_at_ns - begun_ns;
	plan_all(agent);
}

/* Manifests or interfaces. At once; but where 100,000 addresses are to be judged and a hundred
 * interfaces come and go, no more than a fifth of the time goes into it. */
static void input_changed(void *userdata)
{
	struct agent *agent = userdata;
	uint64_t rest_ns = 4 * agent->evaluate_ns, since_ns = clock_boot_ns() - agent->judged_at_ns;

	if (since_ns >= rest_ns) {
		evaluate(agent, false);
		return;
	}
	agent->evaluated = false;
	plan(agent, (rest_ns - since_ns) / 1000);
}

/* ---- what is ---- */

static void news_add(struct agent *agent, const struct address *address, uint32_t ifindex)
{
	if (agent->news_count == agent->news_capacity) {
		size_t capacity = 2 * agent->news_capacity + 64;
		struct news *news = reallocarray(agent->news, capacity, sizeof(*news));

		if (!news)
			return;
		agent->news = news;
		agent->news_capacity = capacity;
	}
	agent->news[agent->news_count++] = (struct news){ *address, ifindex };
}

/* The entries are there: now the LAN may know. */
static void news_announce(struct agent *agent)
{
	for (size_t i = 0; i < agent->news_count; i++) {
		const struct news *news = &agent->news[i];

		announcer_add(agent->announcer, &news->address, news->ifindex, 0);
		/* where Services are files there is nobody to tell */
		if (!agent->config.directory)
			service_events_answered(agent->events, &news->address, news->ifindex);
	}
	free(agent->news);
	agent->news = NULL;
	agent->news_count = agent->news_capacity = 0;
}

static struct entry_row entry_for(const struct target *target, const struct link_row *row,
				  uint8_t slot)
{
	struct entry_row entry = { .key = { target->address, row->link.ifindex },
				   .head.lease = slot };

	memcpy(entry.head.mac, row->link.mac, ETH_ALEN);
	return entry;
}

/* The lease slot in which @target may have entries now; 0: none. */
static uint8_t slot_of(const struct agent *agent, const struct target *target)
{
	return target->wanted ? lease_manager_holds(agent->manager, &target->address) : 0;
}

/* Has the store said what we hold, and the source what we should, and is it known where the program
 * is? Until then everything stays as a former process left it. */
static bool known(const struct agent *agent)
{
	return agent->session_known && agent->looked && source_known(agent->source);
}

static bool keep_all_until_known(const struct address *address, uint8_t slot, void *userdata)
{
	const struct agent *agent = userdata;

	(void)address;
	(void)slot;
	return !known(agent);
}

static void entry_changed(const char *what, const struct entry_key *key, void *userdata)
{
	struct agent *agent = userdata;
	char ip[INET6_ADDRSTRLEN];

	if (!strcmp(what, "added") || !strcmp(what, "changed"))
		news_add(agent, &key->address, key->ifindex);
	/* planned changes are in the log with their cause; drift is nobody's but ours to tell */
	if (agent->dirty_all || !strcmp(what, "by hand") || agent->changes_logged++ >= LOG_MAX)
		return;
	log_say(LOG_WARNING, "repaired: %s on interface %u was not as it was left; %s",
		address_format(&key->address, ip), key->ifindex, what);
}

static int apply_all(struct agent *agent, struct err *err)
{
	const struct desired *desired = &agent->desired;
	_cleanup_(entry_table_free) struct entry_table wanted = {};
	struct program_changes changes;
	int r;

	wanted.rows = calloc(desired->selection.count + 1, sizeof(*wanted.rows));
	if (!wanted.rows)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < desired->count; i++) {
		const struct target *target = &desired->list[i];
		uint8_t slot = slot_of(agent, target);

		for (size_t on = 0; slot && on < target->count; on++) {
			const struct link_row *row =
				link_table_find(links_table(agent->links), target->on[on].ifindex);

			if (usable(agent, row))
				wanted.rows[wanted.count++] = entry_for(target, row, slot);
		}
	}
	agent->changes_logged = 0;
	r = program_apply(agent->program, &wanted, keep_all_until_known, entry_changed, agent,
			  &changes, err);
	if (r < 0)
		return r;
	if (!agent->dirty_all)
		agent->figures.drift += changes.added + changes.deleted + changes.changed;
	if (!agent->dirty_all && agent->changes_logged > LOG_MAX)
		log_say(LOG_WARNING, "repaired: %zu entries in all", agent->changes_logged);
	if (changes.by_hand && changes.by_hand != agent->figures.entries.by_hand)
		log_say(LOG_NOTICE, "%zu address%s added by hand as well, and left alone",
			changes.by_hand, changes.by_hand == 1 ? " is" : "es are");
	agent->figures.entries = changes;
	return 0;
}

/* Entries of one address that was gained. */
static int apply_one(struct agent *agent, const struct address *address, struct err *err)
{
	const struct target *target = desired_find(&agent->desired, address);
	uint8_t slot = target ? slot_of(agent, target) : 0;
	int r = 0;

	for (size_t on = 0; slot && on < target->count && !r; on++) {
		const struct link_row *row =
			link_table_find(links_table(agent->links), target->on[on].ifindex);
		struct entry_row entry;
		bool by_hand = false;

		if (!usable(agent, row))
			continue;
		entry = entry_for(target, row, slot);
		r = program_put(agent->program, &entry, &by_hand, err);
		if (!r && !by_hand)
			news_add(agent, address, row->link.ifindex);
		if (by_hand)
			plan_all(agent); /* which counts them */
	}
	return r;
}

static int apply(struct agent *agent, bool all, struct err *err)
{
	int r = program_begin(agent->program, err);

	if (!r)
		r = defender_follow(agent->defender, agent->program, err);
	if (!r && all)
		return apply_all(agent, err);
	for (size_t i = 0; i < agent->pending_count && !r; i++)
		r = apply_one(agent, &agent->pending[i], err);
	return r;
}

/* @late: the store keeps us waiting; that is /readyz's to tell, and no reason to be restarted. */
static void tell_service_manager(struct agent *agent, bool late)
{
	char status[sizeof(agent->told_status)];

	if (!agent->told_ready && ((agent->session_known && !attaching(agent)) || late)) {
		agent->told_ready = true;
		notify_ready(agent->notify);
	}
	snprintf(status, sizeof(status), "STATUS=%s, %zu of %zu addresses held, %zu entries",
		 lease_state_names[agent->figures.lease.state], agent->figures.lease.held,
		 agent->figures.lease.wanted, agent->figures.entries.present);
	if (strcmp(status, agent->told_status) != 0 && notify_send(agent->notify, status))
		memcpy(agent->told_status, status, sizeof(status));
}

/* Brings the maps in line, since @begun_ns. @all: everything, not only what was gained. */
static void reconcile(struct agent *agent, bool all, uint64_t begun_ns)
{
	struct err err;
	int r = apply(agent, all, &err);

	if (r == -EAGAIN) {
		/* it will be news again */
		agent->news_count = 0;
		plan(agent, RETRY_USEC);
		return;
	}
	agent->figures.reconciles++;
	agent->figures.reconcile_ns = clock_boot_ns() - begun_ns;
	if (agent->figures.reconcile_ns > agent->figures.reconcile_worst_ns)
		agent->figures.reconcile_worst_ns = agent->figures.reconcile_ns;
	news_announce(agent);
	lease_manager_status(agent->manager, &agent->figures.lease);
	if (r < 0) {
		agent->figures.reconcile_failures++;
		if (strcmp(err.text, agent->failure.text) != 0)
			log_say(LOG_ERR, "%s", err.text);
		agent->failure = err;
		agent->dirty_all = true;
		return; /* again with the period */
	}
	agent->failure.text[0] = '\0';
	agent->dirty_all = agent->dirty_all && !all;
	agent->pending_count = 0;
	if (known(agent))
		lease_manager_settled(agent->manager);
	if (agent->transitions > LOG_MAX)
		log_say(LOG_INFO, "and %zu more", agent->transitions - LOG_MAX);
	agent->transitions = 0;
	tell_service_manager(agent, false);
}

static int work_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	(void)usec;
	if (!agent->evaluated)
		evaluate(agent, false);
	if (agent->dirty_all || agent->pending_count)
		reconcile(agent, agent->dirty_all, clock_boot_ns());
	return 0;
}

static int period_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;
	uint64_t begun_ns = clock_boot_ns();
	bool planned = agent->dirty_all || agent->pending_count;
	struct lease_status before, after;

	(void)usec;
	/* programs that somebody took off, sysctls that somebody set */
	lease_manager_status(agent->manager, &before);
	helper_watch(agent->helper);
	attach_look(agent);
	if (!agent->evaluated || kernel_view_changed(&agent->kernel) ||
	    inquiry_due(agent->inquiry)) {
		evaluate(agent, false);
		planned = true;
	}
	lease_manager_status(agent->manager, &after);
	/* what differs now, with nothing to be done, is drift */
	agent->dirty_all = planned || before.gained != after.gained || before.lost != after.lost;
	reconcile(agent, true, begun_ns);
	tell_service_manager(agent, true);
	sd_event_source_set_time_relative(source, PERIOD_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int refresh_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;
	const struct selection *selection = &agent->desired.selection;

	(void)usec;
	for (size_t i = 0; i < selection->count; i++)
		announcer_add(agent->announcer, &selection->list[i].address,
			      selection->list[i].ifindex, 1);
	sd_event_source_set_time_relative(source, agent->config.announce_refresh_ns / 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Others may write again, unless the helper does. */
static int turn_over(sd_event_source *source, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	if (!helper_busy(agent->helper))
		program_end(agent->program);
	ask_helper(agent);
	return 0;
}

static bool holds(const struct address *address, uint32_t ifindex, uint8_t ret_mac[ETH_ALEN],
		  void *userdata)
{
	const struct agent *agent = userdata;
	const struct link_row *row = link_table_find(links_table(agent->links), ifindex);
	const struct target *target = desired_find(&agent->desired, address);
	uint8_t slot = target ? slot_of(agent, target) : 0;
	bool selected = false;
	uint64_t until_ns;
	struct err err;

	for (size_t i = 0; slot && i < target->count; i++)
		selected = selected || target->on[i].ifindex == ifindex;
	if (!selected || !usable(agent, row) ||
	    program_stamped(agent->program, slot, &until_ns, &err) < 0 ||
	    until_ns <= clock_boot_ns())
		return false;
	memcpy(ret_mac, row->link.mac, ETH_ALEN);
	return true;
}

static bool conflict_seen(const struct address *address, uint32_t ifindex,
			  const uint8_t mac[ETH_ALEN], void *userdata)
{
	struct agent *agent = userdata;
	const struct target *target = desired_find(&agent->desired, address);
	const struct link_row *row = link_table_find(links_table(agent->links), ifindex);
	char ip[INET6_ADDRSTRLEN], text[MAC_TEXT_SIZE];
	uint8_t own[ETH_ALEN];

	if (!row || !holds(address, ifindex, own, agent))
		return false;
	if ((target->conflict ?: agent->config.conflict) == CONFLICT_YIELD) {
		agent->figures.yielded++;
		inquiry_yield(agent->inquiry, address, mac);
		return false;
	}
	log_say(LOG_WARNING, "%s: %s uses %s too; defending it", row->link.name,
		mac_format(mac, text), address_format(address, ip));
	agent->figures.defended++;
	return !announcer_add(agent->announcer, address, ifindex, 1);
}

/* What the nodes of the group have to do with @address, as far as the store has told. Without a
 * store an entry of the agent's tells: it is there over a restart. */
static enum group_claim group_claim(const struct address *address, void *userdata)
{
	struct agent *agent = userdata;
	struct lease_info info;
	struct err err;
	int r;

	if (agent->config.engine == LEASE_ENGINE_NONE) {
		r = program_begin(agent->program, &err);
		if (!r)
			r = program_has(agent->program, address, &err);
		return r < 0 ? GROUP_NOT_KNOWN : r ? GROUP_FORMERLY : GROUP_NEVER;
	}
	if (!agent->session_known)
		return GROUP_NOT_KNOWN;
	r = lease_manager_info(agent->manager, address, &info);
	if (r < 0)
		return r == -EAGAIN ? GROUP_NOT_KNOWN : GROUP_NEVER;
	if (*info.holder && info.holder_alive)
		return GROUP_NOW;
	return info.lately ? GROUP_FORMERLY : GROUP_NEVER;
}

static void evaluate_soon(void *userdata)
{
	struct agent *agent = userdata;

	agent->evaluated = false;
	plan_all(agent);
}

/* ---- the lease manager's callbacks ---- */

static void log_transition(struct agent *agent, const struct address *address, const char *what,
			   const char *why)
{
	char ip[INET6_ADDRSTRLEN];

	if (agent->transitions++ < LOG_MAX)
		log_say(LOG_INFO, "%s: %s%s", address_format(address, ip), what, why);
}

static void lease_gained(const struct address *address, uint8_t slot, void *userdata)
{
	struct agent *agent = userdata;

	(void)slot;
	log_transition(agent, address, "held", "");
	if (agent->dirty_all)
		return;
	if (agent->pending_count == PENDING_MAX) {
		plan_all(agent);
		return;
	}
	agent->pending[agent->pending_count++] = *address;
	plan(agent, 0);
}

static int lease_lost(const struct address *address, enum lease_loss reason, void *userdata)
{
	struct agent *agent = userdata;
	struct err err;
	int r = program_begin(agent->program, &err);

	if (!r)
		r = program_remove(agent->program, address, &err);
	if (!r)
		log_transition(agent, address, "given up: ", lease_loss_names[reason]);
	if (r < 0 && r != -EAGAIN)
		log_say(LOG_ERR, "%s", err.text);
	return r;
}

static bool keep_held(const struct address *address, uint8_t slot, void *userdata)
{
	const struct agent *agent = userdata;

	return lease_manager_holds(agent->manager, address) == slot;
}

static void purged(const char *what, const struct entry_key *key, void *userdata)
{
	(void)what;
	(void)key;
	(void)userdata;
}

static int lease_purge(void *userdata)
{
	struct agent *agent = userdata;
	struct program_changes changes;
	struct err err;
	int r = program_begin(agent->program, &err);

	if (!r)
		r = program_apply(agent->program, &(struct entry_table){}, keep_held, purged, agent,
				  &changes, &err);
	if (r < 0 && r != -EAGAIN)
		log_say(LOG_ERR, "%s", err.text);
	plan_all(agent);
	return r;
}

static int lease_present(const struct address *address, void *userdata)
{
	struct agent *agent = userdata;
	struct err err;
	int r = program_begin(agent->program, &err);

	return r ?: program_has(agent->program, address, &err);
}

static int lease_stamp(uint8_t slot, uint64_t deadline_ns, void *userdata)
{
	struct agent *agent = userdata;
	struct err err;
	int r = program_stamp(agent->program, slot, deadline_ns, &err);

	if (r < 0)
		log_say(LOG_ERR, "%s", err.text);
	return r;
}

static int lease_stamped(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata)
{
	struct agent *agent = userdata;
	struct err err;
	int r = program_stamped(agent->program, slot, ret_deadline_ns, &err);

	if (r < 0)
		log_say(LOG_ERR, "%s", err.text);
	return r;
}

static void lease_changed(const struct address *address, void *userdata)
{
	(void)address;
	(void)userdata;
}

static void lease_state(enum lease_state state, const char *text, void *userdata)
{
	struct agent *agent = userdata;

	log_say(state == LEASE_NAME_TAKEN ? LOG_ERR : LOG_NOTICE, "lease: %s: %s",
		lease_state_names[state], text);
	if (state == LEASE_ENDED) {
		sd_event_exit(agent->event, 0);
		return;
	}
	if (state != LEASE_CONNECTING && !agent->session_known) {
		agent->session_known = true;
		/* who had what is known only now */
		agent->evaluated = agent->evaluated && !agent->config.probe;
	}
	plan_all(agent);
}

static void lease_log(int priority, const char *text, void *userdata)
{
	(void)userdata;
	log_say(priority, "lease: %s", text);
}

static const struct lease_callbacks lease_callbacks = {
	.gained = lease_gained,
	.lost = lease_lost,
	.purge = lease_purge,
	.present = lease_present,
	.stamp = lease_stamp,
	.stamped = lease_stamped,
	.changed = lease_changed,
	.state = lease_state,
	.log = lease_log,
};

static void plain_log(int priority, const char *text, void *userdata)
{
	(void)userdata;
	log_say(priority, "%s", text);
}

static void service_view(struct service_view *ret_view, void *userdata)
{
	const struct agent *agent = userdata;

	*ret_view = (struct service_view){
		.source = agent->source,
		.desired = &agent->desired,
		.links = links_table(agent->links),
		.manager = agent->manager,
		.node = agent->config.node,
		.class = agent->config.load_balancer_class,
		.shared = agent->config.engine != LEASE_ENGINE_NONE,
		.draining = agent->figures.draining,
		.duration_ns = agent->config.timing.duration_ns,
	};
}

static const struct source_callbacks source_callbacks = { input_changed, plain_log };
static const struct announcer_callbacks announcer_callbacks = { holds, plain_log };
static const struct inquiry_callbacks inquiry_callbacks = { group_claim, evaluate_soon, plain_log };

/* ---- life ---- */

static int start_manager(struct agent *agent, const struct config *config, struct err *err)
{
	struct lease_manager *manager;
	struct lease_config lease;
	int r;

	config_lease(config, agent->identity.id, &lease);
	r = lease_manager_new(agent->event, &lease, &lease_callbacks, agent, &manager, err);
	if (r < 0)
		return r;
	r = program_expect_stamps(agent->program, lease.timing.duration_ns, err);
	if (r < 0) {
		lease_manager_free(manager);
		return r;
	}
	agent->manager = manager;
	/* over a reload also without --stay */
	agent->figures.draining = agent->figures.draining || agent->identity.drained;
	if (agent->figures.draining)
		lease_manager_drain(agent->manager, true);
	return 0;
}

static int add_timer(struct agent *agent, sd_event_source **source, uint64_t usec,
		     sd_event_time_handler_t handler)
{
	int r = sd_event_add_time_relative(agent->event, source, CLOCK_BOOTTIME, usec, 1000,
					   handler, agent);

	return r < 0 ? r : 0;
}

static void set_refresh(struct agent *agent)
{
	uint64_t usec = agent->config.announce_refresh_ns / 1000;

	sd_event_source_set_time_relative(agent->refresh, usec);
	sd_event_source_set_enabled(agent->refresh, usec ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	announcer_configure(agent->announcer, agent->config.announce_count,
			    agent->config.announce_interval_ns);
}

static int agent_start(struct agent *agent, struct err *err)
{
	const struct config *config = &agent->config;
	struct source_options options;
	int r = identity_open(config->bpffs, config->node, &agent->identity, err);

	if (!r)
		r = links_new(agent->event, input_changed, agent, &agent->links, err);
	if (!r)
		r = announcer_new(agent->event, agent->links, &announcer_callbacks, agent,
				  &agent->announcer, err);
	config_source(config, &options);
	if (!r)
		r = source_new(agent->event, &options, &source_callbacks, agent, &agent->source,
			       err);
	if (!r)
		r = inquiry_new(agent->event, agent->links, &inquiry_callbacks, agent,
				&agent->inquiry, err);
	if (!r)
		r = defender_new(agent->event, conflict_seen, agent, &agent->defender, err);
	if (!r)
		r = service_events_new(agent->event, service_view, agent, &agent->events, err);
	if (!r)
		r = start_manager(agent, config, err);
	if (r < 0)
		return r;
	r = add_timer(agent, &agent->work, 0, work_due);
	/* after what the manager gains and loses: else entries of a former process go, and come
	 * back */
	if (!r)
		r = sd_event_source_set_priority(agent->work, SD_EVENT_PRIORITY_NORMAL + 1);
	if (!r)
		r = add_timer(agent, &agent->period, PERIOD_USEC, period_due);
	if (!r)
		r = add_timer(agent, &agent->refresh, PERIOD_USEC, refresh_due);
	if (!r)
		r = sd_event_add_post(agent->event, &agent->unlock, turn_over, agent);
	if (!r)
		r = helper_follow(agent->helper, agent->event, helper_answered, agent);
	if (r < 0)
		return err_set(err, r, "starting timers: %s", strerror(-r));
	set_refresh(agent);
	evaluate(agent, true);
	return 0;
}

int agent_new(const struct agent_parts *parts, struct config *config, struct agent **ret_agent,
	      struct err *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int r;

	if (!agent) {
		config_free(config);
		return err_set(err, -ENOMEM, "out of memory");
	}
	agent->identity.fd = -1;
	agent->event = sd_event_ref(parts->event);
	agent->notify = parts->notify;
	agent->helper = parts->helper;
	agent->program = parts->program;
	agent->path = parts->path;
	agent->config = *config;
	r = agent_start(agent, err);
	if (r < 0) {
		agent_free(agent);
		return r;
	}
	*ret_agent = agent;
	return 0;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	sd_event_source_disable_unref(agent->work);
	sd_event_source_disable_unref(agent->period);
	sd_event_source_disable_unref(agent->refresh);
	sd_event_source_disable_unref(agent->stopping);
	sd_event_source_disable_unref(agent->unlock);
	service_events_free(agent->events);
	lease_manager_free(agent->manager);
	source_free(agent->source);
	announcer_free(agent->announcer);
	defender_free(agent->defender);
	inquiry_free(agent->inquiry);
	links_free(agent->links);
	identity_close(&agent->identity);
	desired_free(&agent->desired);
	kernel_view_free(&agent->kernel);
	config_free(&agent->config);
	free(agent->attachments);
	free(agent->news);
	sd_event_unref(agent->event);
	free(agent);
}

int agent_reload(struct agent *agent, struct err *err)
{
	struct lease_manager *former = agent->manager;
	struct source_options options;
	struct source *source = NULL;
	struct config config, old;
	int r;

	if (agent->stopping)
		return err_set(err, -EBUSY, "stopping");
	r = config_read(agent->path, &config, err);
	if (r < 0)
		return r;
	if (strcmp(config.node, agent->config.node) != 0 ||
	    strcmp(config.bpffs, agent->config.bpffs) != 0 ||
	    strcmp(config.listen_host, agent->config.listen_host) != 0 ||
	    config.listen_port != agent->config.listen_port) {
		config_free(&config);
		return err_set(err, -EINVAL,
			       "%s: node, bpffs and listen are read at the start only; restart "
			       "instead",
			       agent->path);
	}
	config_source(&config, &options);
	if (!source_same(agent->source, &options))
		r = source_new(agent->event, &options, &source_callbacks, agent, &source, err);
	/* the session goes on where it was, as over a restart */
	if (!r)
		r = start_manager(agent, &config, err);
	if (r < 0) {
		source_free(source);
		config_free(&config);
		return r;
	}
	if (source) {
		source_free(agent->source);
		agent->source = source;
	}
	lease_manager_free(former);
	old = agent->config;
	agent->config = config;
	config_free(&old);
	agent->session_known = agent->manager_told = false;
	set_refresh(agent);
	if (!source)
		source_rescan(agent->source, true);
	evaluate(agent, true);
	return 0;
}

static int stop_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	(void)usec;
	log_say(LOG_WARNING, "the store doesn't answer; others wait for the lease to run out");
	return sd_event_exit(agent->event, 0);
}

void agent_stop(struct agent *agent)
{
	if (agent->stopping)
		return;
	notify_send(agent->notify, "STOPPING=1");
	agent->figures.draining = true;
	add_timer(agent, &agent->stopping, STOP_USEC, stop_due);
	lease_manager_stop(agent->manager);
}

int agent_drain(struct agent *agent, bool drain, bool stay, struct err *err)
{
	int r = identity_set_drained(&agent->identity, drain && stay, err);

	if (r < 0)
		return r;
	log_say(LOG_NOTICE, drain ? "draining, as asked" : "taking part again, as asked");
	agent->figures.draining = drain;
	lease_manager_drain(agent->manager, drain);
	return 0;
}

int agent_move(struct agent *agent, const struct address *address, const char *node,
	       struct err *err)
{
	return lease_manager_move(agent->manager, address, node, err);
}

static json_t *text_or_null(const char *text)
{
	return *text ? text_json(text) : json_null();
}

/* Why this node isn't a candidate for @address; false: it is one. */
static bool why_not(struct agent *agent, const struct address *address, struct err *ret_why)
{
	const struct target *target = desired_find(&agent->desired, address);
	char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];

	if (target && desired_why_not(target, links_table(agent->links), &agent->kernel, ready_on,
				      agent, ret_why))
		return true;
	address_format(address, ip);
	if (!target)
		err_write(ret_why, "%s: no policy of this node selects it", ip);
	else if (target->asked == ASKED_TAKEN)
		err_write(ret_why, "%s: no node claims it, since %s has it", ip,
			  mac_format(target->other, mac));
	else if (target->asked != ASKED_FREE)
		err_write(ret_why, "%s: it isn't known yet whether another host has it", ip);
	return !target || target->asked != ASKED_FREE;
}

json_t *agent_who_holds(struct agent *agent, const struct address *address, struct err *err)
{
	char ip[INET6_ADDRSTRLEN];
	struct lease_info info;

	address_format(address, ip);
	if (lease_manager_info(agent->manager, address, &info) < 0) {
		if (!why_not(agent, address, err))
			err_write(err, "%s: no claim is known yet", ip);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:b, s:b, s:o, s:I, s:I}", "ip", ip, "holder",
			 text_or_null(info.holder), "held", info.held, "alive", info.holder_alive,
			 "wish", text_or_null(info.wish), "remaining_ms",
			 (json_int_t)(info.remaining_ns / 1000000), "transitions",
			 (json_int_t)info.transitions);
}

static const struct service *find_service(const struct manifest *const *manifests, size_t count,
					  const char *name)
{
	const struct service *found = NULL;

	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++) {
			const struct service *service = manifests[m]->services[i];
			size_t length = strlen(service->namespace);

			if (!strncmp(name, service->namespace, length) && name[length] == '/' &&
			    !strcmp(name + length + 1, service->name))
				found = service;
		}
	return found;
}

static void add_policy(const struct policy *policy, void *userdata)
{
	json_array_append_new(userdata, json_string(policy->name));
}

/* @addresses of a Service, each with what is known here of it. */
static void show_addresses(struct agent *agent, const struct address_list *addresses,
			   const char *field, json_t *list)
{
	for (size_t i = 0; i < addresses->count; i++) {
		const struct address *address = &addresses->list[i];
		const struct target *target = desired_find(&agent->desired, address);
		char ip[INET6_ADDRSTRLEN], lease[LEASE_NAME_SIZE];
		json_t *interfaces = json_array(), *held, *reason;
		struct err unknown, why;

		for (size_t on = 0; target && on < target->count; on++) {
			const struct link_row *row =
				link_table_find(links_table(agent->links), target->on[on].ifindex);

			if (row)
				json_array_append_new(interfaces, text_json(row->link.name));
		}
		held = agent_who_holds(agent, address, &unknown);
		reason = why_not(agent, address, &why) ? text_json(why.text) : json_null();
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "ip",
						      address_format(address, ip), "field", field,
						      "lease", lease_name_format(address, lease),
						      "blocked", target && target->blocked,
						      "reason", reason, "interfaces", interfaces,
						      "claim", held ?: json_null()));
	}
}

json_t *agent_show(struct agent *agent, const char *name, struct err *err)
{
	size_t count;
	const struct manifest *const *manifests = source_manifests(agent->source, &count);
	const struct service *service = find_service(manifests, count, name);
	json_t *policies, *addresses;
	struct err why;

	if (!service) {
		err_write(err, "no Service '%.512s' is known; it takes NAMESPACE/NAME", name);
		return NULL;
	}
	policies = json_array();
	addresses = json_array();
	if (policy_of_service(manifests, count, agent->config.node,
			      agent->config.load_balancer_class, service, add_policy, policies,
			      err) < 0) {
		json_decref(policies);
		json_decref(addresses);
		return NULL;
	}
	show_addresses(agent, &service->external, "externalIPs", addresses);
	show_addresses(agent, &service->load_balancer, "loadBalancer", addresses);
	source_why_no_more(agent->source, service, &why);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "namespace", service->namespace,
			 "service", service->name, "node", agent->config.node, "bpffs",
			 agent->config.bpffs, "policies", policies, "reason",
			 text_or_null(why.text), "addresses", addresses);
}

bool agent_ready(const struct agent *agent, struct err *ret_why)
{
	struct source_status source;
	struct lease_status lease;

	source_status(agent->source, &source);
	lease_manager_status(agent->manager, &lease);
	if (!agent->session_known || lease.state == LEASE_CONNECTING)
		err_write(ret_why, "no session with the lease store");
	else if (lease.state == LEASE_NAME_TAKEN)
		err_write(ret_why, "another agent runs under this node's name");
	else if (*agent->failure.text)
		*ret_why = agent->failure;
	else if (agent->desired.blocked)
		*ret_why = agent->desired.why_blocked;
	else if (agent->desired.taken)
		*ret_why = agent->desired.why_taken;
	else if (*source.trouble.text)
		*ret_why = source.trouble;
	else
		ret_why->text[0] = '\0';
	for (size_t i = 0; i < agent->attachment_count && !*ret_why->text; i++)
		*ret_why = agent->attachments[i].error;
	if (!*ret_why->text && agent->desired.cut_off)
		*ret_why = agent->desired.why_cut_off;
	return !*ret_why->text;
}

const char *agent_listen(const struct agent *agent, uint16_t *ret_port)
{
	*ret_port = agent->config.listen_port;
	return agent->config.listen_host;
}

void agent_figures(const struct agent *agent, struct agent_figures *ret_figures)
{
	struct agent_figures figures = agent->figures;

	lease_manager_status(agent->manager, &figures.lease);
	figures.announced = announcer_sent(agent->announcer);
	figures.conflicts = defender_count(agent->defender);
	figures.selected = agent->desired.count;
	figures.blocked = agent->desired.blocked;
	figures.cut_off = agent->desired.cut_off;
	figures.taken = agent->desired.taken;
	figures.asked = inquiry_sent(agent->inquiry);
	source_status(agent->source, &figures.source);
	figures.interfaces = agent->attachment_count;
	for (size_t i = 0; i < agent->attachment_count; i++)
		figures.attach_failures += agent->attachments[i].state == FAILED;
	*ret_figures = figures;
}

int agent_counts(struct agent *agent, struct outcome_counts *ret_counts, struct err *err)
{
	return program_counts(agent->program, ret_counts, err);
}
