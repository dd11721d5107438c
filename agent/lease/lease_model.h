/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the lease protocol share: this node's session, and the view, which is the
 * store's records as the stream last showed them. The parts stand above it, each using those before
 * it: lease_peer (is a node alive?), lease_owner (whose own is an address?), lease_watch (whose
 * renewals does this one follow?), lease_claim_table, lease_rank (who should have an address?),
 * lease_claim_write, lease_claim_rules (who answers for it?), lease_claim_view, lease_session (is
 * this node alive?), lease_machine.
 */
#ifndef XDP_L2RESP_LEASE_MODEL_H
#define XDP_L2RESP_LEASE_MODEL_H

#include "clock.h"
#include "hash.h"
#include "lease.h"
#include "record.h"
#include "store.h"

/* Renewals whose sending time is remembered, should the confirmation come late. */
#define LEASE_ATTEMPTS 8
/* Each heartbeat's renewals are followed by so many others. */
#define LEASE_WATCHERS 8
/* By so many times as many after a death. */
#define LEASE_WATCHERS_MORE 4
/* Durations after which the record of what is gone is removed. A node that no longer wants anything
 * takes part for twice as long, to remove what it gave up. */
#define LEASE_FORGET_DURATIONS 4

/* Claims that wait to be written stand in so many lines, those for the Services of a namespace in
 * the same: each line has its turn. */
#define LEASE_LINES 64

#define LEASE_NEVER UINT64_MAX

#define LEASE_NS_PER_MS UINT64_C(1000000)

/* How long the machine runs at most before the rest of the thread does. */
#define LEASE_TURN_NS (2 * LEASE_NS_PER_MS)

/* A heartbeat with each of its renewals, as they are shown of a node that is watched: apart from
 * the view, which may be ahead or behind. */
struct lease_pulse {
	enum record_shape shape;
	uint64_t revision;
	uint64_t changed_ns; /* when it was last seen to change; 0: it isn't known yet */
	uint32_t generation; /* of the list that last had it */
	struct heartbeat heartbeat;
};

/* A node, its heartbeat as last seen. */
struct lease_peer {
	UT_hash_handle hh; /* by name */
	enum record_shape shape;
	uint64_t revision;
	uint64_t changed_ns; /* when it was last seen to change; 0: never seen */
	uint64_t met_ns;     /* when its session was first seen */
	uint64_t settled_ns; /* before that, one that vanished may still answer */
	uint64_t remove_ns;  /* dead or ended: its record is removed then */
	uint64_t retry_ns;   /* no other write over it before */
	uint32_t generation; /* of the view that last had it */
	size_t claims;	     /* that name it as holder */
	bool busy;	     /* a swap is on its way */
	struct heartbeat heartbeat;
	uint64_t point;	   /* where its name is on the ring of those that watch each other */
	uint64_t distance; /* from there to this node's */
	bool watched;	   /* by this node */
	bool named;	   /* by a claim, while that is looked for */
	struct lease_pulse pulse;
	char name[];
};

/* An address that another node has as its own. */
struct lease_owner {
	struct address address;
	const struct lease_peer *peer;
};

/* An address: the claim on it as last seen, and what this node makes of it. */
struct lease_claim {
	UT_hash_handle hh;			     /* by address */
	struct lease_claim *queue_prev, *queue_next; /* in the queue, or in a line */
	struct address address;

	enum record_shape shape;
	uint64_t revision;
	uint64_t changed_ns; /* when it was last seen to change; 0: never seen */
	uint32_t generation;
	struct lease_peer *holder; /* NULL: released */
	struct lease_peer *last;   /* the last that was named as holder */
	struct lease_peer *former; /* the one before, when it last changed hands */
	uint64_t session;
	struct lease_peer *wish;
	uint64_t wish_session;
	uint64_t transitions;
	uint64_t
		settled_ns; /* before that, the holder of a record that vanished may still answer */
	uint64_t own_settled_ns;    /* the same if all nodes' leases lasted as long as this one's */
	struct lease_peer *slowest; /* the other node for whose sake it is later; NULL: it isn't */

	struct preferred_group group;
	struct lease_service *service; /* NULL: never wanted */
	uint64_t due_ns;	       /* look at it again then */
	uint64_t wanted_ns;	       /* since when, or was last asked for or handed over */
	uint64_t free_ns;	       /* since when it is free to take; 0: it isn't */
	uint64_t retry_ns;	       /* a retryPeriod after the last swap */
	uint64_t tried_revision;       /* a swap of this revision isn't repeated before retry_ns */
	bool unknown_since : 1;	       /* settled_ns is set at the end of the list */
	bool was_held : 1;	       /* some node was seen to hold it before @free_ns */
	bool unsettled : 1;
	bool moved : 1;
	bool wanted : 1;
	bool last_resort : 1;
	bool entry : 1; /* there may be an entry in the map: lost() is due before it is another's */
	bool looked_for : 1; /* present() has told of it */
	bool held : 1;	     /* gained() was called */
	bool yielding : 1;   /* let others have it first */
	bool owned : 1;	     /* another node has it as its own */
	bool given_up : 1;   /* it is still ours in the view, and the release is on its way */
	bool busy : 1;	     /* a swap is on its way */
	bool queued : 1;
	bool waiting : 1;
	uint8_t line; /* if it is waiting */
};

enum session_phase {
	SESSION_NONE,
	SESSION_STARTING, /* the swap that begins it isn't confirmed yet */
	SESSION_RESUMING, /* it outlived a restart, and isn't renewed yet */
	SESSION_LIVE,
};

struct lease_session {
	enum session_phase phase;
	uint64_t id;
	uint8_t slot;
	uint64_t sequence; /* of the last attempt */
	uint64_t base;	   /* that of the last attempt before a restart */
	uint64_t sent_ns[LEASE_ATTEMPTS];
	struct heartbeat shown; /* what all nodes' views show of it, or soon will, */
	bool shown_known;	/* if so */
	uint64_t next_ns;	/* when to try again */
	uint64_t confirmed_ns;	/* when the last confirmed renewal was sent */
	uint64_t waits_ns;	/* when the first after that was; 0: none was */
	uint64_t began_ns;
	uint64_t deadline_ns;	/* of the stamp */
	uint64_t ended;		/* id of the one before, never to be resumed */
	bool had;		/* this process had one: what it finds isn't a former one's */
	uint64_t revision;	/* of the own heartbeat, the latest that is known */
	bool busy;		/* a swap is on its way */
	bool over;		/* the last swap has ended it, says the store */
	bool seen;		/* the own heartbeat changed in the view */
	bool swept;		/* lease_session_sweep() has succeeded */
	bool purging;		/* over, and its entries not known to be gone */
	enum lease_loss reason; /* if purging */
};

struct lease_clock {
	uint64_t (*now)(void *userdata);    /* CLOCK_BOOTTIME, ns */
	uint64_t (*random)(void *userdata); /* not zero */
	/* lease_machine_run() is to be called at @due_ns; LEASE_NEVER: not for time's sake */
	void (*arm)(uint64_t due_ns, void *userdata);
	void *userdata;
};

struct lease_machine {
	/* the configuration */
	const char *id;
	uint64_t duration_ns, renew_deadline_ns, retry_period_ns, margin_ns, forget_ns;
	uint32_t weight;
	bool preempt, always;
	/* that this node is a member of; 0: not used */
	uint64_t groups[RECORD_GROUPS_MAX];
	struct address own[RECORD_OWN_MAX]; /* that this node has */
	size_t own_count;
	bool asks; /* as struct lease_self has it */

	const struct lease_callbacks *callbacks;
	void *userdata;
	struct lease_clock clock;
	struct store *store; /* NULL: engine none */
	bool selective;	     /* the view has no renewals but this node's: others must be watched */

	struct lease_session session;
	enum lease_state state;
	bool settled, draining, stopping;
	uint64_t leave_ns; /* it no longer takes part from then on, unless it wants something */
	bool leaving;	   /* it takes no part */
	bool following;	   /* the store's stream: it takes part, or its session isn't closed yet */
	uint64_t turn_ns, turn_end_ns; /* how long a run may take, and until when it may */

	/* the view */
	bool synced;
	uint64_t view_ns;     /* since when no change was missed; 0: nothing is known */
	uint64_t vanished_ns; /* when a record last vanished that wasn't known; 0: never */
	uint32_t generation;
	struct lease_peer *peers, *self;
	const struct lease_peer *slowest; /* of a claim that waits, as was last said */
	uint64_t slow_until_ns;		  /* no claim waits for another node's leases any more */
	struct lease_claim *claims;
	size_t records;	  /* of them, those with a record */
	uint64_t full_ns; /* not said again before: the store has too many records for new ones */
	uint64_t room_ns; /* when a claim last waited for that reason */
	struct lease_owner *owners; /* by address; NULL: they aren't known yet */
	size_t owner_count;
	bool owners_due; /* they may be others by now */

	/* whose renewals are followed beside the view */
	unsigned int watchers;
	uint32_t pulse_generation;
	bool watch_due;		/* it may be others' by now */
	uint64_t watch_next_ns; /* not before that */
	uint64_t watch_more_ns; /* LEASE_WATCHERS_MORE times as many are watched until then */

	struct lease_claim *queue;		/* claims to look at */
	struct lease_claim *lines[LEASE_LINES]; /* claims that would be written, if fewer were */
	size_t waiting;				/* in the lines */
	unsigned int line;			/* whose turn it was */
	bool line_next;				/* a line comes next, then the queue */
	size_t swaps;
	size_t swaps_max; /* how many there may be: see lease_claims_renewed() */
	uint64_t claims_due_ns;
	bool disputed; /* some claim has an entry, and isn't ours in the view */

	struct lease_status figures;
};

uint64_t lease_now(const struct lease_machine *machine);
void lease_log(struct lease_machine *machine, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void lease_state_set(struct lease_machine *machine, enum lease_state state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Since when at least a record that isn't known is absent. */
static inline uint64_t lease_absent_since(const struct lease_machine *machine)
{
	return machine->vanished_ns > machine->view_ns ? machine->vanished_ns : machine->view_ns;
}

/* So long a renewal may take, of the time that it has: longer, and the store can't keep up. */
static inline uint64_t lease_late_ns(const struct lease_machine *machine)
{
	return (machine->renew_deadline_ns - machine->retry_period_ns) / 4;
}

/* Is there one that takes longer? */
static inline bool lease_renewal_is_late(const struct lease_machine *machine, uint64_t now)
{
	return machine->session.waits_ns &&
	       now > machine->session.waits_ns + lease_late_ns(machine);
}

/* May the session's claims be answered for? */
static inline bool lease_session_holds(const struct lease_machine *machine)
{
	return machine->session.phase == SESSION_RESUMING || machine->session.phase == SESSION_LIVE;
}

#endif
