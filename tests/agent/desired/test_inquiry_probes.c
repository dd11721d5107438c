// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <net/if.h> /* before <linux/if.h>, which then leaves its part out */
#include <linux/if.h>
#include <string.h>
#include <sys/eventfd.h>
#include <criterion/criterion.h>

#include "inquiry.h"
#include "probe.h"

/* An address, on an interface of its own. Is it to be claimed after a round of probes? */
static const struct {
	const char *what;
	unsigned int down_after; /* so many probes the interface has no carrier, and sends none */
	unsigned int failing;	 /* this probe */
	int error;		 /* that probe_send() returns for it */
	enum inquiry_state then;
} cases[] = {
	{ "asked three times", 3, 0, 0, INQUIRY_FREE },
	{ "the link is in the flap of our own attach", 0, 0, 0, INQUIRY_DUE },
	{ "it goes down in between", 1, 0, 0, INQUIRY_DUE },
	{ "it goes down before the last probe", 2, 0, 0, INQUIRY_DUE },
	{ "its queue is full once", 3, 2, 0, INQUIRY_DUE },
	{ "a probe can't be sent", 3, 2, -ENXIO, INQUIRY_DUE },
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* Interface 1 + CASES never has carrier. */
static struct links_row rows[CASES + 1];
static unsigned int sends[CASES + 2];

const struct links_table *links_table(const struct links *links)
{
	return NULL;
}

const struct links_row *links_find(const struct links_table *table, uint32_t ifindex)
{
	return &rows[ifindex - 1];
}

bool links_has_mac(const struct links_table *table, const uint8_t mac[ETH_ALEN])
{
	return false;
}

int probe_open(const struct link *link, struct err *err)
{
	return eventfd(0, EFD_CLOEXEC);
}

int probe_send(int fd, const struct link *link, const struct address *address, struct err *err)
{
	size_t at = link->ifindex - 1;

	cr_assert(link->flags & IFF_LOWER_UP);
	sends[at]++;
	if (sends[at] == cases[at].down_after)
		rows[at].link.flags = IFF_UP;
	if (sends[at] != cases[at].failing)
		return 1;
	return cases[at].error ? err_set(err, cases[at].error, "played") : 0;
}

bool probe_receive(int fd, struct address *ret_address, uint8_t ret_mac[ETH_ALEN])
{
	return false;
}

static void group(const struct address *addresses, size_t count, enum group_claim *ret_claims,
		  void *userdata)
{
	for (size_t i = 0; i < count; i++)
		ret_claims[i] = GROUP_NEVER;
}

static void changed(void *userdata)
{
	sd_event_exit(userdata, 0);
}

static void say(int priority, const char *text, void *userdata)
{
}

/* Only an address for which all probes were sent isn't used by another host. Those of the others
 * aren't sent again at once, so that addresses behind them get their turn. */
Test(inquiry_probes, what_was_not_asked_stays_due)
{
	static const struct inquiry_callbacks callbacks = { group, changed, say };
	struct target targets[CASES] = {}, next[CASES];
	struct desired before = {}, now = { .list = targets, .count = CASES };
	struct desired then = { .list = next, .count = CASES };
	struct selected on[CASES][2] = {};
	struct inquiry *inquiry;
	sd_event *event;
	struct err err;

	for (size_t i = 0; i < CASES + 1; i++)
		rows[i].link.ifindex = i + 1;
	for (size_t i = 0; i < CASES; i++) {
		rows[i].carrier = true;
		rows[i].link.flags = IFF_UP | (cases[i].down_after ? IFF_LOWER_UP : 0);
		on[i][0].ifindex = i + 1;
		on[i][1].ifindex = CASES + 1;
		targets[i].address = address_from_v4(&(uint32_t){ htonl(i) });
		targets[i].on = on[i];
		targets[i].count = 2;
	}
	cr_assert(sd_event_default(&event) >= 0);
	cr_assert_eq(inquiry_new(event, NULL, &callbacks, event, &inquiry, &err), 0);
	inquiry_apply(inquiry, &before, &now, true);
	cr_assert(sd_event_loop(event) >= 0);
	memcpy(next, targets, sizeof(next));
	for (size_t i = 0; i < CASES; i++)
		next[i].reason = REASON_NONE;
	inquiry_apply(inquiry, &now, &then, true);
	for (size_t i = 0; i < CASES; i++)
		cr_expect_eq(next[i].probe_state, cases[i].then, "%s", cases[i].what);
	inquiry_free(inquiry);
	sd_event_unref(event);
}
