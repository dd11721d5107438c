/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which addresses this node may answer for, and until when: the lease protocol of docs/leases.md.
 *
 * The machine keeps one session in the store (a heartbeat record that it renews) and one claim for
 * each address that it wants and got. Everything happens on the sd_event that it was made with, in
 * callbacks; no call blocks, and none is thread-safe. All times are CLOCK_BOOTTIME nanoseconds.
 */
#ifndef XDP_L2RESP_LEASE_H
#define XDP_L2RESP_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "addr.h"
#include "address_list.h"
#include "err.h"
#include "histogram.h"
#include "lease_config.h"

enum lease_state {
	LEASE_CONNECTING, /* no session is being renewed: no answer yet, or not in time, or
			     lease_status.waits says why */
	LEASE_IDLE,	  /* nothing is wanted here: the store isn't asked for anything */
	LEASE_NAME_TAKEN, /* another agent lives under this node's name: this one takes no part */
	LEASE_NEWER,	  /* its record is of a newer version: likewise */
	LEASE_ACTIVE,	  /* a session is being renewed */
	LEASE_DRAINED,	  /* a session is being renewed, all claims are given up */
	LEASE_ENDED,	  /* after lease_machine_stop(): the store knows; time to free */
	LEASE_STATE_COUNT,
};

extern const char *const lease_state_names[LEASE_STATE_COUNT];

/* Why an address is no longer ours. */
enum lease_loss {
	LEASE_LOSS_UNWANTED, /* lease_machine_unwant(), or left over from before a restart */
	LEASE_LOSS_DRAIN,    /* lease_machine_drain() */
	LEASE_LOSS_STOP,     /* lease_machine_stop() */
	LEASE_LOSS_MOVED,    /* asked for by a preferred node, or moved by hand */
	LEASE_LOSS_SESSION,  /* the session ended: not renewed in time, or declared dead */
	LEASE_LOSS_TAKEN,    /* the claim was changed or deleted by something else */
	LEASE_LOSS_OWNED,    /* another node has it as its own */
	LEASE_LOSS_COUNT,
};

extern const char *const lease_loss_names[LEASE_LOSS_COUNT];

/*
 * None may be NULL. They are called from the event loop or from within a lease_machine_ function;
 * they may call lease_machine_ functions, but not lease_end().
 */
struct lease_callbacks {
	/*
	 * The claim on @address is ours: put its entry into lease @slot, then announce. Called
	 * again for nothing: an address is gained once until it is lost.
	 */
	void (*gained)(const struct address *address, uint8_t slot, void *userdata);

	/*
	 * @address must not answer any more. Its entry must be gone from the map on return: that is
	 * what lets the claim be given to others. Return 0, or a negative errno if it may still be
	 * there: then nothing is released or renewed, and the call is repeated. Also called for
	 * addresses that were never wanted in this process, for claims that outlived a restart.
	 */
	int (*lost)(const struct address *address, enum lease_loss reason, void *userdata);

	/*
	 * Every entry in lease slots 1 to 255 must be gone on return, but those in the slot that
	 * lease_machine_holds() gives for their address. Called when a session ends (lost() follows
	 * for each address that was held), before one begins, and before one that outlived a
	 * restart is renewed. Return as lost().
	 */
	int (*purge)(void *userdata);

	/*
	 * Has @address an entry in a lease slot? 1, 0, or a negative errno: then the session isn't
	 * resumed yet. Asked of each claim that outlived a restart: the process before deleted the
	 * entry before it sent a release, which may still be on its way.
	 */
	int (*present)(const struct address *address, void *userdata);

	/* A renewal is confirmed: the entries in @slot may answer until @deadline_ns. */
	int (*stamp)(uint8_t slot, uint64_t deadline_ns, void *userdata);

	/* Until when the data path would answer for @slot now, by the map: *ret_deadline_ns, 0 if
	 * it never was stamped. Decides whether a session may go on after a restart. Returns 0, or
	 * a negative errno where that can't be read: then it is asked again. */
	int (*stamped)(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata);

	/* Holder or wish of @address is another than before; see lease_machine_info(). Only for
	 * addresses that are wanted. */
	void (*changed)(const struct address *address, void *userdata);

	/* The machine's state is another; @text says why, in a sentence for a log. */
	void (*state)(enum lease_state state, const char *text, void *userdata);

	/* What other nodes have as their own is known now, or changed: lease_owners_list(). */
	void (*owners)(void *userdata);

	/* Something that a person should know; @priority as in syslog(3). */
	void (*log)(int priority, const char *text, void *userdata);
};

struct lease_machine;

/*
 * Begins: once an address is wanted, or if a stamp of the process before is still ahead, it
 * connects to the store, and resumes the session of this identity if its stamp is that one, or
 * starts a new one. Claims of a resumed session are kept until lease_machine_settled(), so want all
 * addresses first and then settle. @event is referenced. Returns 0; -EINVAL with @err for a
 * configuration that isn't safe or complete, -ENOENT and others for certificates that can't be
 * read; *ret_machine is untouched on failure.
 */
int lease_start(sd_event *event, const struct lease_config *config,
		const struct lease_callbacks *callbacks, void *userdata,
		struct lease_machine **ret_machine, struct err *err);

/* Leaves session, claims, entries and stamps as they are, for a restart within the lease. Calls no
 * callback. NULL is fine. */
void lease_end(struct lease_machine *machine);

/* Nodes that go before others for an address. Nodes tell each other in their heartbeats which
 * groups they are members of. */
struct preferred_group {
	uint64_t id; /* 0: none, all nodes are alike */
	bool member; /* is this node in it? */
};

/* How this node stands to an address. */
struct lease_preference {
	struct preferred_group group;
	bool last_resort;	      /* take it only if no other node does, e.g. without carrier */
	struct lease_service service; /* what a claim that is made from now on is for */
};

/* This node is a candidate for @address from now on; again with another @preference, which may be
 * NULL. */
void lease_machine_want(struct lease_machine *machine, const struct address *address,
			const struct lease_preference *preference);

/* It no longer is: lost() and the release follow if it was held, before or after return. */
void lease_machine_unwant(struct lease_machine *machine, const struct address *address);

/* The wanted addresses are complete: claims left from before a restart that aren't among them may
 * be released. Further calls do nothing. */
void lease_machine_settled(struct lease_machine *machine);

/* Gives all claims up and takes no new ones, or takes part again. LEASE_DRAINED says when it is
 * done. Doesn't survive the process: drain after lease_start() again where it should. */
void lease_machine_drain(struct lease_machine *machine, bool drain);

/* Drains for good and closes the session, so that others needn't wait: LEASE_ENDED says when the
 * store has it. Without a reachable store it never comes: have a time limit. */
void lease_machine_stop(struct lease_machine *machine);

/*
 * Asks that @address go to @node, from whichever node holds it. Returns 0 when the request is on
 * its way: the holder gives the address up as soon as @node has said in the store that it would
 * take it; watch lease_machine_info(). It stays there until the address next changes hands.
 * -EOPNOTSUPP: there is no store; -ENOENT: no claim on it is known, -EHOSTDOWN: @node isn't alive,
 * -EALREADY: it holds it; -ENOTCONN: not active, -EBUSY: too much is changing hands; each with
 * @err.
 */
int lease_machine_move(struct lease_machine *machine, const struct address *address,
		       const char *node, struct err *err);

/* What the heartbeat tells the others of this node. */
struct lease_self {
	const struct address *own; /* that it has as its own; copied, RECORD_OWN_MAX at most */
	size_t own_count;
	/* it must know what the others have as their own, although it wants nothing */
	bool asks;
};

/* From the next heartbeat on. */
void lease_machine_publish(struct lease_machine *machine, const struct lease_self *self);

/* Appends to @addresses what other nodes have as their own, in ascending order: no node claims
 * another one's. -EAGAIN: that isn't known yet. */
int lease_owners_list(const struct lease_machine *machine, struct address_list *addresses);

/* The lease slot of @address if its claim is this session's, wanted or not; else 0. */
uint8_t lease_machine_holds(const struct lease_machine *machine, const struct address *address);

/* A node whose leases last longer than this one's, and may still be in force. */
struct lease_slowest {
	char node[RECORD_NODE_MAX + 1]; /* empty: there is none */
	uint64_t duration_ns;
};

/* What is known of an address. */
struct lease_info {
	char holder[RECORD_NODE_MAX + 1]; /* empty: nobody */
	char former[RECORD_NODE_MAX + 1]; /* who had it before, as far as was seen; empty: nobody */
	char wish[RECORD_NODE_MAX + 1];	  /* node that it is asked to go to; empty: none */
	char owner[RECORD_NODE_MAX + 1];  /* node that has it as its own; empty: no other one */
	struct lease_slowest slowest;	  /* that alone keeps this node from claiming it */
	bool held;			  /* by this node, in its session */
	bool holder_preferred;		  /* it is in the group that this node prefers */
	bool holder_alive;		  /* the holder's heartbeat isn't older than its duration */
	bool lately;  /* some node holds it, or was seen to hold it within this node's duration */
	bool newer;   /* its record is of a version that this program doesn't know */
	bool unknown; /* nothing of it is known yet: see lease_thread_find() */
	bool absent;  /* no record of it is known, and it isn't wanted: see there, too */
	bool store_full;       /* it has no record, and the store has too many for another one */
	uint8_t slot;	       /* if held; else 0 */
	uint64_t remaining_ns; /* if held: until the stamp; else of the heartbeat's wait */
	uint64_t transitions;  /* how often the claim changed hands */
};

/*
 * -ENOENT: no record of @address is known, and it isn't wanted. -EAGAIN: this node takes no part,
 * and begins to, so as to know it soon.
 */
int lease_machine_info(struct lease_machine *machine, const struct address *address,
		       struct lease_info *ret_info);

/* Figures for metrics and status. */
struct lease_status {
	enum lease_state state;
	uint8_t slot;		   /* 0: no session */
	uint64_t deadline_ns;	   /* of the last stamp; 0: none */
	uint64_t renew_latency_ns; /* of the last confirmed renewal */
	struct histogram renew_times;
	uint64_t renewals;	   /* confirmed */
	uint64_t renewal_failures; /* attempts that ended without an answer or with a refusal */
	uint64_t sessions;	   /* begun or resumed */
	uint64_t gained, lost;	   /* calls of the callbacks */
	size_t wanted, held;	   /* addresses now */
	char trouble[256];	   /* the store's last one, until it answers; empty: none */
	const char *waits; /* why no session begins, if the store answers; NULL: nothing is known */
	struct address slow_address; /* one that waits for @slowest alone, if there is one */
	struct lease_slowest slowest;
};

void lease_machine_status(const struct lease_machine *machine, struct lease_status *ret_status);

#endif
