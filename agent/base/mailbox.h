/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded queue of messages from one thread to one other. Neither thread blocks: posting to a
 * full mailbox fails, taking from an empty one returns NULL. The thread that takes a message owns
 * it.
 */
#ifndef XDP_L2RESPD_MAILBOX_H
#define XDP_L2RESPD_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

struct mailbox;

/* @room messages, a power of two. -errno of eventfd(2). */
int mailbox_new(size_t room, struct mailbox **ret_mailbox);
/* To be called once neither thread uses it and it is empty. NULL is fine. */
void mailbox_free(struct mailbox *mailbox);

/* False: the mailbox is full, and the caller still owns @message. */
bool mailbox_post(struct mailbox *mailbox, void *message);

/* Would a post succeed? For the posting thread. */
bool mailbox_has_room(const struct mailbox *mailbox);

/* The next message, or NULL. */
void *mailbox_take(struct mailbox *mailbox);

/* A descriptor that is readable while there may be messages. mailbox_seen() resets it. */
int mailbox_fd(const struct mailbox *mailbox);

/* Resets mailbox_fd(). To be called before the messages are taken. */
void mailbox_seen(struct mailbox *mailbox);
/* Makes mailbox_fd() readable: messages are left, or something else changed. Either thread may call
 * it. */
void mailbox_again(struct mailbox *mailbox);

#endif
