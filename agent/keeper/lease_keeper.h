/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entries of claimed addresses in the data path: written when a claim is gained, deleted when
 * it is lost, without the writers' lock (leased.h). Belongs to the lease thread, whose machine
 * calls keeper_callbacks.
 */
#ifndef XDP_L2RESP_LEASE_KEEPER_H
#define XDP_L2RESP_LEASE_KEEPER_H

#include <systemd/sd-event.h>

#include "lease.h"
#include "lease_thread.h"

struct keeper;

/* Of the lease machine; @userdata is the keeper. */
extern const struct lease_callbacks keeper_callbacks;

/* @news: there is something to hand out by keeper_news(). @maps: one has no room, or they are
 * half replaced. @state, @owners: as lease_callbacks' state() and owners(). */
struct keeper_events {
	void (*news)(void *userdata);
	void (*maps)(bool full, void *userdata);
	void (*state)(enum lease_state state, void *userdata);
	void (*owners)(void *userdata);
};

int keeper_new(sd_event *event, const char *bpffs, const struct keeper_events *events,
	       void *userdata, struct keeper **ret_keeper, struct err *err);
void keeper_free(struct keeper *keeper);

/* Leases last @duration_ns from now on. To be called before
 * keeper_set_machine(). */
int keeper_expect_stamps(struct keeper *keeper, uint64_t duration_ns, struct err *err);

/* Who says what is held. */
void keeper_set_machine(struct keeper *keeper, const struct lease_machine *machine);

/* Where @wish's address is to have entries while its claim is held. */
void keeper_place(struct keeper *keeper, const struct lease_wish *wish);

/* Compares the map's entry of @key with what should be there, and mends it. */
void keeper_check(struct keeper *keeper, const struct entry_key *key);

/* Has @address a leased entry on some interface? As present() of lease.h. */
int keeper_present(struct keeper *keeper, const struct address *address);

/* Writes everything into the maps that are pinned now, if they are others than before. A negative
 * errno, said: those that are pinned can't be used yet. */
int keeper_follow(struct keeper *keeper);

/* The next address of which something is new; NULL: none. The caller frees it. */
struct lease_news *keeper_news(struct keeper *keeper);

/* To be called now and then: says which lines of the log were left out. */
void keeper_tick(struct keeper *keeper);

void keeper_figures(const struct keeper *keeper, struct lease_entries *ret_figures);

#endif
