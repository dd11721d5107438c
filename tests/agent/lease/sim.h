/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated world for the real state machine (agent/lease/lease_machine.h): nodes whose clocks
 * drift, a store, a network that loses and delays, processes that are stopped, killed and started
 * again at any step, people who delete and overwrite records.
 *
 * Every fault is the answer to a question, choose(). Runs are told apart by who answers: a random
 * generator, seeded, or a list of the few questions that aren't answered "no fault".
 */
#ifndef XDP_L2RESP_SIM_H
#define XDP_L2RESP_SIM_H

#include "etcd_own.h"
#include "lease_machine.h"

#define NODES_MAX 3
#define ADDRESSES 2
#define SLOTS	  256
#define EVENTS	  512
#define LOG_MAX	  8192
#define LISTED	  2

#define MS LEASE_NS_PER_MS

#define DURATION       (2000 * MS)
#define LONG_DURATION  (3000 * MS)
#define RENEW_DEADLINE (1200 * MS)
#define RETRY_PERIOD   (300 * MS)
#define TIMEOUT	       (RENEW_DEADLINE / 2)
/* So short that records are removed amid the faults. */
#define FORGET DURATION
/* So few that nodes don't see each other's renewals. */
#define WATCHERS 1

enum event_type {
	EVENT_NONE,
	EVENT_RUN,	/* the machine's timer */
	EVENT_ARRIVE,	/* a request at the store */
	EVENT_ANSWER,	/* its answer at the node */
	EVENT_STREAM,	/* the next of the store's writes at the node */
	EVENT_LIST,	/* the list that begins a stream */
	EVENT_PULSE,	/* the next of the store's writes, in the stream of those watched */
	EVENT_PULSES,	/* the list that begins that stream */
	EVENT_MARK,	/* the node may have to write the mark */
	EVENT_CONTINUE, /* a stopped process goes on */
	EVENT_START,	/* a process begins */
	EVENT_OPERATOR, /* a person may do something */
};

struct event {
	enum event_type type;
	int result;
	uint64_t at; /* true time */
	uint64_t order;
	unsigned int node;
	unsigned int life; /* of the process that it is for */
	uint64_t request;  /* 0: the mark alone is written */
	uint64_t expected; /* in an answer: the revision that every node's view is to show */
	bool mark;
	struct record record;
};

/* What a node's streams can show. */
struct written {
	struct record record;
	uint64_t at;
	bool shown; /* by every node's view */
	bool beats; /* by the streams of those that watch */
	bool mark;  /* there is no record */
};

struct node {
	struct store store;
	struct lease_machine *machine;
	char name[16], id[RECORD_ID_DIGITS + 1];
	struct lease_config config;
	int drift_ppm;
	uint64_t clock_offset;
	unsigned int life;
	bool stopped;
	uint64_t stopped_until;
	size_t cursor;
	bool following, streaming;
	bool watched[NODES_MAX], pulsing;
	size_t pulse_cursor;
	struct etcd_own own;
	uint64_t request; /* the next request's number */
	uint64_t open[16];
	/* what outlives the process: the data path */
	uint64_t stamps[SLOTS];
	uint8_t entries[ADDRESSES]; /* slot; 0: none */
	bool wants[ADDRESSES], has[ADDRESSES], drained;
	bool ended; /* its process may exit */
	bool gone;  /* for good */
};

struct world {
	uint64_t now, order, revision, random;
	unsigned int nodes;
	struct node node[NODES_MAX];
	struct event *events; /* those past @events_used never were */
	size_t events_used;
	struct record records[NODES_MAX + ADDRESSES];
	/* where renewals are apart: the heartbeats as all see them */
	struct record shown[NODES_MAX];
	bool halved[NODES_MAX]; /* somebody changed one of both by hand */
	struct written *log;
	size_t logged;
	uint64_t answered[ADDRESSES]; /* when somebody last answered for it */
	bool calm, exhausted;
	unsigned int nested; /* a process is stopped in a callback */
	char failure[256];
	bool trace;
};

extern struct world world;

/* Who answers the questions. */
struct oracle {
	bool random;
	uint64_t state;
	uint32_t asked;
	unsigned int faults; /* of 1,000 */
	bool hands;	     /* people delete and overwrite records all the time */
	bool unequal;	     /* one node's leases last longer */
	bool narrow;	     /* claims are written one after the other; answers have many events */
	bool selective;	     /* renewals are shown to those that watch alone */
	bool apart;	     /* and are records of their own, as in etcd */
	bool crowded;	     /* and write no mark, as with many nodes */
	bool torn;	     /* each node takes itself for the one that goes first, and asks */
	bool owning;	     /* nodes get addresses as their own, and lose them */
	size_t listed;
	struct {
		uint32_t question;
		uint32_t answer;
	} list[LISTED];
};

extern struct oracle oracle;

uint64_t random_next(void);
/* One of @count answers, 0 for no fault. */
uint32_t choose(uint32_t count);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The history has failed; the first reason counts. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* sim_world.c: time */
uint64_t clock_of(const struct node *node);
struct address address_of(unsigned int number);
unsigned int number_of(const struct address *address);
/* How many nodes' data paths answer for address @number. */
unsigned int answering(unsigned int number);
/* Does the data path of @node? */
bool node_answers(const struct node *node, unsigned int number);
/* The one thing that must never be: two. */
void check(void);
struct event *event_add(enum event_type type, unsigned int node, uint64_t delay);
/* The next event up to @until; false: there is none. */
bool world_step(uint64_t until);

/* sim_store.c: the store, and the network to it */
void store_swap(struct store *store, const struct record *record);
void store_follow(struct store *store, bool follow);
void store_watch(struct store *store, const char *const *nodes, size_t count);
/* Somebody writes @record, whatever is there. */
void store_write(const struct record *record);
/* Where renewals are apart: only as all see it, or only as those do that watch. */
void store_write_half(const struct record *record, bool shown);
/* The request of @event comes to the store. */
void store_arrive(const struct event *event);
/* The node's stream begins anew after @delay. */
void stream_begin(struct node *node, uint64_t delay);
void stream_drop(struct node *node);
/* The list, or the next write, comes to the node. */
void stream_list(struct node *node);
void stream_next_event(struct node *node);
/* Writes the mark, if it is time to. */
void mark_due(struct node *node);
/* What became of a write is told to the node. */
void store_answer(struct node *node, const struct event *answer);
/* The same for the stream of those watched. */
void pulses_list(struct node *node);
void pulses_next_event(struct node *node);

/* sim_node.c: processes and what they call */
void node_start(struct node *node);
void node_end(struct node *node);
/* Has it want address @number, as a last resort or not. */
void node_want(struct node *node, unsigned int number, bool last_resort);
/* Tells the others what it has as its own. */
void node_publish(struct node *node);
void node_stop(struct node *node, uint64_t for_ns);
/* Started again after @for_ns; LEASE_NEVER: it isn't. */
void node_kill(struct node *node, uint64_t for_ns);

/* sim_operator.c: somebody may delete or overwrite a record, change what a node wants, or take it
 * away. */
void operate(void);

#endif
