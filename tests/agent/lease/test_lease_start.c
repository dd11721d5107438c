// SPDX-License-Identifier: GPL-2.0-or-later
/* The lease machine in an event loop. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <criterion/criterion.h>

#include "lease.h"
#include "quiet.h"

static struct lease_machine *machine;
static unsigned int gained;

static void on_gained(const struct address *address, uint8_t slot, void *userdata)
{
	gained++;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	const struct address address = { { 1 } };

	lease_machine_want(machine, &address, NULL);
	return 0;
}

/* Each order sets the timer: set again while it is pending, it would never be dispatched. */
Test(lease_start, works_beside_a_file_that_is_always_readable)
{
	const struct lease_config config = {
		.engine = STORE_ENGINE_NONE,
		.node = "node-1",
		.id = "ffffffffffffffffffffffffffffffff",
		.timing = { 2000000000, 1200000000, 300000000 },
	};
	struct lease_callbacks callbacks = quiet_callbacks;
	sd_event *event;
	struct err err;

	callbacks.gained = on_gained;
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(lease_start(event, &config, &callbacks, NULL, &machine, &err), 0, "%s",
		     err.text);
	cr_assert_geq(sd_event_add_io(event, NULL, eventfd(1, 0), EPOLLIN, on_readable, NULL), 0);
	for (int i = 0; i < 1000 && !gained; i++)
		cr_assert_geq(sd_event_run(event, 0), 0);
	cr_expect_eq(gained, 1);
	lease_end(machine);
	sd_event_unref(event);
}
