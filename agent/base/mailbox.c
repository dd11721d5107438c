// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "alloc.h"
#include "mailbox.h"

/* The posting thread increments @posted, the other one @taken. */
struct mailbox {
	_Atomic size_t posted, taken;
	size_t room;
	int fd;
	void *messages[];
};

int mailbox_new(size_t room, struct mailbox **ret_mailbox)
{
	struct mailbox *mailbox = xcalloc(1, sizeof(*mailbox) + room * sizeof(void *));

	mailbox->room = room;
	mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mailbox->fd < 0) {
		free(mailbox);
		return -errno;
	}
	*ret_mailbox = mailbox;
	return 0;
}

void mailbox_free(struct mailbox *mailbox)
{
	if (!mailbox)
		return;
	close(mailbox->fd);
	free(mailbox);
}

void mailbox_again(struct mailbox *mailbox)
{
	eventfd_write(mailbox->fd, 1);
}

bool mailbox_has_room(const struct mailbox *mailbox)
{
	return atomic_load_explicit(&mailbox->posted, memory_order_relaxed) -
		       atomic_load_explicit(&mailbox->taken, memory_order_acquire) <
	       mailbox->room;
}

bool mailbox_post(struct mailbox *mailbox, void *message)
{
	size_t posted = atomic_load_explicit(&mailbox->posted, memory_order_relaxed);

	if (!mailbox_has_room(mailbox))
		return false;
	mailbox->messages[posted & (mailbox->room - 1)] = message;
	atomic_store_explicit(&mailbox->posted, posted + 1, memory_order_release);
	mailbox_again(mailbox);
	return true;
}

void *mailbox_take(struct mailbox *mailbox)
{
	size_t taken = atomic_load_explicit(&mailbox->taken, memory_order_relaxed);
	void *message;

	if (taken == atomic_load_explicit(&mailbox->posted, memory_order_acquire))
		return NULL;
	message = mailbox->messages[taken & (mailbox->room - 1)];
	atomic_store_explicit(&mailbox->taken, taken + 1, memory_order_release);
	return message;
}

int mailbox_fd(const struct mailbox *mailbox)
{
	return mailbox->fd;
}

void mailbox_seen(struct mailbox *mailbox)
{
	eventfd_t count;

	eventfd_read(mailbox->fd, &count);
}
