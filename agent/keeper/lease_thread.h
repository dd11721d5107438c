/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What renews, in a thread of its own: the lease machine with its store and timers, the stamps, and
 * the entries of what is held. It waits for nothing in the rest of the agent: no lock, log, child
 * or loop; of files, only for those that it logs in to the store with. The rest talks with it by
 * bounded mailboxes of copies; docs/leases.md has the reasons.
 *
 * All functions here are the rest's, called from one thread. None takes longer than the lease
 * thread's turn of at most some ms.
 */
#ifndef XDP_L2RESP_LEASE_THREAD_H
#define XDP_L2RESP_LEASE_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/if_ether.h>
#include <systemd/sd-event.h>

#include "lease.h"
#include "loop.h"
#include "systemd.h"
#include "reason.h"
#include "responder.h"

struct lease_thread;

/* An interface that answers for an address, and with which MAC. */
struct lease_place {
	uint32_t ifindex;
	uint8_t mac[ETH_ALEN];
	uint8_t flags; /* ENTRY_MAC_FIXED: it isn't the interface's */
	uint8_t reserved;
};

/* All that the agent wants of an address. It is as if never wished for with @wanted false and no
 * places. */
struct lease_wish {
	struct address address;
	bool wanted;	 /* this node is a candidate for it */
	enum reason why; /* it isn't */
	bool last_resort;
	struct preferred_group group;
	struct lease_service service;
	const struct lease_place *places;
	size_t place_count;
};

enum lease_place_state {
	PLACE_ABSENT,  /* not written yet, or the claim isn't held */
	PLACE_NO_ROOM, /* as absent: the map is full */
	PLACE_THERE,
	PLACE_BY_HAND, /* somebody's own entry is there */
};

/* What became of an address since the last report. */
struct lease_news {
	struct address address;
	uint8_t slot; /* its claim is held, and entries are in this one; 0: it isn't */
	size_t place_count;
	struct {
		uint32_t ifindex;
		enum lease_place_state state;
		bool entered; /* the entry was added or changed */
		bool removed; /* one was deleted */
	} places[];
};

/* Both are called from the event loop of lease_thread_new(). */
struct lease_thread_callbacks {
	/* What was lost and gained again between is reported once. */
	void (*news)(const struct lease_news *news, void *userdata);
	/* The machine's state is another. */
	void (*state)(enum lease_state state, void *userdata);
	/* The maps wait for whoever has the writers' lock: @full: one has no room for an entry;
	 * else they are half replaced. */
	void (*maps)(bool full, void *userdata);
	/* lease_thread_owners() has other ones, or has them for the first time. */
	void (*owners)(void *userdata);
};

/*
 * Starts the thread over the pins below @bpffs. Nothing is claimed before
 * lease_thread_configure(). @liveness_ns: when lease_thread_beat() wasn't called for so long, all
 * is given up until it is.
 */
int lease_thread_new(sd_event *event, const char *bpffs, uint64_t liveness_ns,
		     struct systemd *systemd, const struct lease_thread_callbacks *callbacks,
		     void *userdata, struct lease_thread **ret_thread, struct err *err);

/* Ends it; leaves session, claims, entries and stamps as they are. NULL is fine. */
void lease_thread_free(struct lease_thread *thread);

/* Begins, or begins anew with another configuration: the session goes on where it was, as over a
 * restart, and all wishes must be sent again, then settled. lease_start()'s errors, after
 * which all is as before. */
int lease_thread_configure(struct lease_thread *thread, const struct lease_config *config,
			   uint64_t liveness_ns, struct err *err);

void lease_thread_beat(struct lease_thread *thread);

/* These two take place in the order in which they were called. False: the mailbox is full; try
 * again soon, from the event loop. */
bool lease_thread_wish(struct lease_thread *thread, const struct lease_wish *wish);
/* lease_machine_settled(), unless lease_thread_configure() is called before it takes place. */
bool lease_thread_settled(struct lease_thread *thread);
/* The map's entry of @key differs from what was requested: the lease thread repairs it. */
bool lease_thread_check(struct lease_thread *thread, const struct entry_key *key);

/* As the lease_machine_ functions. */
void lease_thread_drain(struct lease_thread *thread, bool drain);
void lease_thread_stop(struct lease_thread *thread);
int lease_thread_move(struct lease_thread *thread, const struct address *address, const char *node,
		      struct err *err);
/* Also of the machines of later configurations. */
void lease_thread_publish(struct lease_thread *thread, const struct lease_self *self);
int lease_thread_owners(struct lease_thread *thread, struct address_list *addresses);

/* What is known of @address, or all zero but for absent or unknown. */
void lease_thread_info(struct lease_thread *thread, const struct address *address,
		       struct lease_info *ret_info);
/* Calls @found for each of @count @addresses, with the same: much cheaper than one by one. */
typedef void lease_found_fn(size_t at, const struct lease_info *info, void *data);
void lease_thread_find(struct lease_thread *thread, const struct address *addresses, size_t count,
		       lease_found_fn *found, void *data);

/* Calls @found for each of @addresses: has it an entry of the agent's? 1, 0 or a negative errno. */
typedef void lease_present_fn(size_t at, int present, void *data);
void lease_thread_present(struct lease_thread *thread, const struct address *addresses,
			  size_t count, lease_present_fn *found, void *data);

/* Other maps are pinned than before. It finds that out by itself, too, but later. */
void lease_thread_follow(struct lease_thread *thread);

/* The entries that the lease thread keeps. */
struct lease_entries {
	size_t present;
	size_t by_hand; /* wanted, but somebody has added them by hand */
	uint64_t drift; /* entries, and stamps, that were found otherwise than left */
};

void lease_thread_status(struct lease_thread *thread, struct lease_status *ret_status,
			 struct lease_entries *ret_entries);

const struct loop_times *lease_thread_times(const struct lease_thread *thread);

#endif
