/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages from one thread to one other, a bounded number of them. Neither waits for the other: a
 * full mailbox refuses, an empty one gives nothing. A message belongs to whoever has taken it.
 */
#ifndef XDP_L2RESPD_MAILBOX_H
#define XDP_L2RESPD_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

struct mailbox;

/* @room messages, a power of two. -errno of eventfd(2). */
int mailbox_new(size_t room, struct mailbox **ret_mailbox);
/* When both threads are done with it, and it was emptied. NULL is fine. */
void mailbox_free(struct mailbox *mailbox);

/* False: full, and @message is still the caller's. */
bool mailbox_post(struct mailbox *mailbox, void *message);

/* Would a post be accepted? Asked by who posts. */
bool mailbox_has_room(const struct mailbox *mailbox);

/* The next message, or NULL. */
void *mailbox_take(struct mailbox *mailbox);

/* Readable while there may be messages, until mailbox_seen() with none left. */
int mailbox_fd(const struct mailbox *mailbox);

/* To be called before the messages are taken. */
void mailbox_seen(struct mailbox *mailbox);
/* Some were left, or there is something else to see: makes it readable. By either thread. */
void mailbox_again(struct mailbox *mailbox);

#endif
