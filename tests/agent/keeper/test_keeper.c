// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Other maps are pinned in the place of those that stamps were written to, while the kernel refuses
 * one of the keeper's requests: once it refuses none, stamps go to the pinned map. And claims that
 * are gained again, as by every reload, whose entries are in the map all the time. And the lease
 * thread, configured twice in a row.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include <systemd/sd-event.h>

#include "attach.h"
#include "clock.h"
#include "entry.h"
#include "lease.h"
#include "lease_keeper_state.h"
#include "lease_model.h"
#include "lease_thread_state.h"
#include "pins.h"

#define S	  1000000000ULL
#define DURATION  (600 * S)
#define SLOT	  3
#define ARGUMENTS 6

static char bpffs[] = "/tmp/l2resp-unit-XXXXXX";
static struct pins pins = PINS_NONE;
static sd_event *event;
static struct keeper *keeper;
static struct err err;
static unsigned int requests, refused; /* of bpf(); the number of the one that fails */

/* As libbpf calls it. */
long syscall(long number, ...)
{
	long (*next)(long, ...) = dlsym(RTLD_NEXT, "syscall");
	long argument[ARGUMENTS];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < ARGUMENTS; i++)
		argument[i] = va_arg(args, long);
	va_end(args);
	if (number == __NR_bpf && ++requests == refused) {
		errno = EPERM;
		return -1;
	}
	return next(number, argument[0], argument[1], argument[2], argument[3], argument[4],
		    argument[5]);
}

static void pin(void)
{
	cr_assert_eq(pins_open_locked(bpffs, 16, &pins, &err), 0, "%s", err.text);
}

static void replace(void)
{
	cr_assert_eq(pins_remove(&pins, &err), 0, "%s", err.text);
	pins_close(&pins);
	pin();
}

static int stamp(uint64_t *ret_deadline_ns)
{
	*ret_deadline_ns = clock_boot_ns() + DURATION / 2;
	return keeper_callbacks.stamp(SLOT, *ret_deadline_ns, keeper);
}

static uint64_t stamped(void)
{
	uint64_t deadline_ns;

	cr_assert_eq(lease_stamp_read(pins.maps.fd[MAPS_LEASES], SLOT, &deadline_ns, &err), 0);
	return deadline_ns;
}

static void news(void *userdata)
{
}

static void setup(void)
{
	static const struct keeper_events none = { .news = news };

	attach_log_setup(false);
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "unshare: %s", strerror(errno));
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_not_null(mkdtemp(bpffs));
	cr_assert_eq(mount("bpf", bpffs, "bpf", 0, NULL), 0, "mount: %s", strerror(errno));
	pin();
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(keeper_new(event, bpffs, &none, NULL, &keeper, &err), 0, "%s", err.text);
	cr_assert_eq(keeper_expect_stamps(keeper, DURATION, &err), 0, "%s", err.text);
}

static void teardown(void)
{
	keeper_free(keeper);
	sd_event_unref(event);
	pins_close(&pins);
	umount(bpffs);
	rmdir(bpffs);
}

TestSuite(keeper, .init = setup, .fini = teardown);

Test(keeper, stamps_the_map_that_is_pinned)
{
	unsigned int failures = 0;
	uint64_t deadline_ns;

	for (unsigned int number = 1;; number++) {
		int r;

		replace();
		requests = 0;
		refused = number;
		r = stamp(&deadline_ns);
		refused = 0;
		if (requests < number)
			break;
		failures += r < 0;
		cr_assert(r < 0 || stamped() == deadline_ns, "request %u", number);
		cr_assert_eq(stamp(&deadline_ns), 0, "request %u", number);
		cr_assert_eq(stamped(), deadline_ns, "request %u", number);
	}
	cr_assert_gt(failures, 0);
	cr_assert_eq(stamped(), deadline_ns);
}

static struct lease_place place = { .ifindex = 7, .mac = { 2, 0, 0, 0, 0, 1 } };
static struct lease_wish wish = { .wanted = true, .places = &place, .place_count = 1 };

static size_t counted(void)
{
	struct lease_entries figures;

	keeper_figures(keeper, &figures);
	return figures.present;
}

/* Until there is nothing left to write. */
static void work(void)
{
	while (sd_event_run(event, 0) > 0)
		;
}

static void gain(void)
{
	keeper_callbacks.gained(&wish.address, SLOT, keeper);
}

static struct entry_row there(void)
{
	const struct entry_key key = { wish.address, place.ifindex };
	struct entry_row row;

	cr_assert_eq(entry_get(&pins, &key, &row, &err), 0, "%s", err.text);
	return row;
}

static void place_and_gain(void)
{
	cr_assert_eq(address_parse("198.18.10.1", &wish.address), 0);
	keeper_place(keeper, &wish);
	gain();
	work();
	cr_assert_eq(counted(), 1);
	there();
}

/* What the news say of the only place. */
static enum lease_place_state reported(void)
{
	struct lease_news *said = keeper_news(keeper);
	enum lease_place_state state;

	cr_assert_not_null(said);
	cr_assert_eq(said->place_count, 1);
	state = said->places[0].state;
	free(said);
	return state;
}

static void reported_free(void)
{
	free(keeper_news(keeper));
}

Test(keeper, counts_what_is_gained_again)
{
	place_and_gain();
	cr_assert_eq(reported(), PLACE_THERE);
	gain();
	cr_assert_eq(counted(), 1);
	cr_assert_eq(reported(), PLACE_ABSENT, "it isn't known yet whether it is still there");
	work();
	cr_assert_eq(counted(), 1);
	cr_assert_eq(reported(), PLACE_THERE);
}

Test(keeper, writes_what_changed)
{
	struct lease_place moved = place;

	place_and_gain();
	moved.mac[5] = 2;
	wish.places = &moved;
	keeper_place(keeper, &wish);
	cr_assert_eq(counted(), 1, "it is there, with the former MAC");
	work();
	cr_assert_arr_eq(there().head.mac, moved.mac, ETH_ALEN);
	cr_assert_eq(counted(), 1);
	keeper_callbacks.lost(&wish.address, LEASE_LOSS_UNWANTED, keeper);
	cr_assert_eq(counted(), 0);
	cr_assert_eq(keeper_present(keeper, &wish.address), 0);
	gain();
	work();
	cr_assert_eq(counted(), 1);
	there();
}

Test(keeper, keeps_nothing_of_what_is_gone)
{
	struct lease_place moved = place;
	struct lease_wish none = {};

	/* another node holds it */
	keeper_place(keeper, &wish);
	work();
	cr_expect_eq(HASH_COUNT(keeper->kept), 1);
	moved.ifindex++;
	wish.places = &moved;
	keeper_place(keeper, &wish);
	work();
	cr_expect_eq(keeper->kept->place_count, 1);
	keeper_place(keeper, &none);
	work();
	cr_expect_eq(HASH_COUNT(keeper->kept), 0);
	/* reported while it waits to be written again */
	wish.places = &place;
	place_and_gain();
	reported_free();
	cr_assert_eq(keeper_callbacks.lost(&wish.address, LEASE_LOSS_UNWANTED, keeper), 0);
	none.address = wish.address;
	keeper_place(keeper, &none);
	reported_free();
	cr_expect_eq(HASH_COUNT(keeper->kept), 1);
	work();
	cr_expect_eq(HASH_COUNT(keeper->kept), 0);
}

/* What was deleted before the kernel refused the next request is reported, whatever comes between.
 */
Test(keeper, reports_what_was_removed_before_a_failure)
{
	struct lease_place places[] = { place, place };
	struct lease_news *said;

	places[1].ifindex++;
	wish.places = places;
	wish.place_count = 2;
	keeper_place(keeper, &wish);
	gain();
	work();
	cr_assert_eq(counted(), 2);
	reported_free();
	for (refused = 1; counted() == 2; refused++) {
		requests = 0;
		keeper_callbacks.lost(&wish.address, LEASE_LOSS_UNWANTED, keeper);
	}
	refused = 0;
	cr_assert_eq(counted(), 1);
	wish.places = &places[1];
	wish.place_count = 1;
	keeper_place(keeper, &wish);
	work();
	said = keeper_news(keeper);
	cr_assert_not_null(said);
	cr_assert_eq(said->places[0].ifindex, place.ifindex);
	cr_expect(said->places[0].removed);
	free(said);
}

/* ---- the lease thread ---- */

static const struct lease_config alone = {
	.node = "node-1",
	.id = "0123456789abcdef0123456789abcdef",
	.timing = { 15 * S, 5 * S, 2 * S },
	.weight = 100,
};

static void state(enum lease_state state, void *userdata)
{
}

static bool readable(const struct mailbox *mailbox, int timeout)
{
	return poll(&(struct pollfd){ .fd = mailbox_fd(mailbox), .events = POLLIN }, 1, timeout) >
	       0;
}

/* Keeps the lease thread busy until the next call. */
static void until_next_call(struct lease_thread *thread, struct call *call)
{
	sem_post(call->out);
	readable(thread->calls, -1);
}

static void is_settled(struct lease_thread *thread, struct call *call)
{
	/* -EAGAIN: it hasn't done all orders yet */
	call->result =
		thread->late || readable(thread->orders, 0) ? -EAGAIN : thread->machine->settled;
}

static bool settled(struct lease_thread *thread)
{
	struct call call = { .run = is_settled };

	do {
		sem_init(&call.done, 0, 0);
		mailbox_post(thread->calls, &call);
		sem_wait(&call.done);
	} while (call.result < 0);
	return call.result;
}

Test(keeper, settled_is_for_the_configuration_that_it_was_sent_for)
{
	static const struct lease_thread_callbacks callbacks = { .state = state };
	static sem_t begun;
	static struct call busy = { .run = until_next_call, .out = &begun };
	struct lease_thread *thread;
	struct systemd *systemd;

	cr_assert_geq(systemd_new(event, &systemd), 0);
	cr_assert_eq(lease_thread_new(event, bpffs, 60 * S, systemd, &callbacks, NULL, &thread,
				      &err),
		     0, "%s", err.text);
	cr_assert_eq(lease_thread_configure(thread, &alone, 60 * S, &err), 0, "%s", err.text);
	mailbox_post(thread->calls, &busy);
	sem_wait(&begun);
	cr_assert(lease_thread_settled(thread));
	cr_assert_eq(lease_thread_configure(thread, &alone, 60 * S, &err), 0, "%s", err.text);
	cr_expect_not(settled(thread), "no wish has reached it yet");
	cr_assert(lease_thread_settled(thread));
	cr_expect(settled(thread));
	lease_thread_free(thread);
	systemd_free(systemd);
}
