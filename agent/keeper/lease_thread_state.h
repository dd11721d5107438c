/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lease thread from within: for lease_thread_calls.c, the rest's side, and lease_loop.c, its
 * own. */
#ifndef XDP_L2RESP_LEASE_THREAD_STATE_H
#define XDP_L2RESP_LEASE_THREAD_STATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "lease_keeper.h"
#include "record.h"
#include "lease_thread.h"
#include "mailbox.h"

/* A function that the lease thread runs while the rest of the agent waits for it. */
struct call {
	void (*run)(struct lease_thread *thread, struct call *call);
	const void *in;
	void *out;
	struct err *err;
	int result;
	sem_t done;
};

enum order_kind {
	ORDER_WISH,
	ORDER_SETTLED,
	ORDER_CHECK,
};

struct order {
	enum order_kind kind;
	unsigned int configuration; /* the number of the one that it was sent for */
	struct order *next;	    /* in the late ones */
	struct lease_wish wish;
	struct entry_key key;
	struct lease_place places[];
};

struct lease_thread {
	pthread_t pthread;
	sd_event *event, *agent_event;
	struct lease_thread_callbacks callbacks;
	void *userdata;
	struct systemd *systemd;
	struct loop_times times;

	/* between the two */
	struct mailbox *orders, *calls; /* to the lease thread */
	struct mailbox *news;		/* from it */
	_Atomic uint64_t beats;		/* of the rest */
	_Atomic int state;		/* enum lease_state */
	_Atomic bool full, half;	/* the maps wait for the writers' lock */
	_Atomic bool owners;		/* they differ from what was last reported */
	unsigned int configuration;	/* its number; changes while the rest waits for that */

	/* the rest's */
	sd_event_source *news_io;
	enum lease_state notified_state;

	/* the lease thread's */
	struct lease_machine *machine;
	struct keeper *keeper;
	sd_event_source *late_work, *news_work;
	struct order *late, **late_last; /* wait until the machine has seen what came before */
	uint64_t liveness_ns;
	uint64_t beats_seen, silent_ns, watched_ns;
	struct lease_self self; /* what is published */
	struct address own[RECORD_OWN_MAX];
	bool draining; /* as asked */
	bool hung;     /* the rest doesn't beat */
};

extern const struct keeper_events lease_loop_events;

/* Adds to @thread's loop all that it serves. -errno of sd-event. */
int lease_loop_add(struct lease_thread *thread);

/* The thread; @thread is a struct lease_thread. */
void *lease_loop_main(void *thread);

#endif
