// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "grow.h"
#include "helper.h"
#include "hook.h"
#include "log.h"
#include "privilege.h"

#define HELPER_SOCKET_FD 3
/* The verifier takes a tenth of a second, or several seconds on a very busy machine. */
#define HELPER_LATE_NS (30 * CLOCK_NS_PER_S)

struct helper {
	int fd;
	pid_t pid;
	sd_event_source *io;
	bool busy;
	uint64_t asked_ns;
	helper_answered_fn *answered;
	void *userdata;
};

/* ---- in the helper ---- */

/* Checks the bound here too, so that a compromised agent can't demand more kernel memory. */
static int grow(struct pins *pins, const uint32_t room[PINS_FAMILIES], struct err *err)
{
	struct err warning = {};
	int r;

	for (int family = 0; family < PINS_FAMILIES; family++)
		if (room[family] > pins->max_entries)
			return err_set(err, -ERANGE,
				       "the helper was asked for room for %u addresses, and there "
				       "may be %u",
				       room[family], pins->max_entries);
	if (!room[PINS_V4] && !room[PINS_V6])
		return grow_settle(pins, err);
	r = grow_responders(pins, room, &warning, err);
	if (*warning.text)
		log_warn("%s", warning.text);
	return r;
}

static int handle_request(const char *bpffs, const struct helper_request *request, struct err *err)
{
	const struct attach_options options = { .mode = request->mode,
						.priority = request->priority };
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct link link;
	int r;

	if (request->mode > ATTACH_MODE_SKB ||
	    (request->priority > INT_MAX && request->priority != ATTACH_KEEP_PRIORITY))
		return err_set(err, -EINVAL, "the helper was asked for what it doesn't do");
	r = pins_open_now(bpffs, &pins, err);
	if (r == -ENOENT)
		return err_set(err, r, "%s: the pins are gone", bpffs);
	if (!r && request->task == HELPER_GROW)
		return grow(&pins, request->room, err);
	if (!r)
		r = link_by_ifindex(request->ifindex, &link, err);
	if (r < 0)
		return r;
	switch (request->task) {
	case HELPER_CHECK:
		return hook_check(&pins, &link, &options, err);
	case HELPER_ATTACH:
		return hook_attach(&pins, &link, &options, err);
	default:
		return err_set(err, -EINVAL, "the helper was asked for what it doesn't do");
	}
}

/* Serves requests until the agent ends. The agent's signals are blocked here, since a service
 * manager sends them to all processes. */
static void serve(const char *bpffs)
{
	struct helper_request request;

	while (recv(HELPER_SOCKET_FD, &request, sizeof(request), MSG_TRUNC) == sizeof(request)) {
		struct helper_answer answer = { .task = request.task, .ifindex = request.ifindex };

		answer.result = handle_request(bpffs, &request, &answer.err);
		if (send(HELPER_SOCKET_FD, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			return;
	}
}

static _Noreturn void helper_main(const char *bpffs, int fd)
{
	struct err err;

	/* close the agent's descriptors, above all its socket, so that they don't outlive it */
	if (dup2(fd, HELPER_SOCKET_FD) < 0 || close_range(HELPER_SOCKET_FD + 1, ~0U, 0) < 0)
		_exit(1);
	prctl(PR_SET_NAME, "xdp-l2respd-att");
	if (privilege_limit(PRIVILEGE(CAP_SYS_ADMIN) | PRIVILEGE(CAP_NET_ADMIN) |
				    PRIVILEGE(CAP_BPF) | PRIVILEGE(CAP_PERFMON),
			    &err) < 0) {
		log_say(LOG_ERR, "%s", err.text);
		_exit(1);
	}
	/* die with the agent, not only at its next request; it may have ended already */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	serve(bpffs);
	_exit(0);
}

/* ---- in the agent ---- */

int helper_start(const char *bpffs, struct helper **ret_helper, struct err *err)
{
	struct helper *helper = xcalloc(1, sizeof(*helper));
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		free(helper);
		return err_set(err, negative_errno(), "a socket pair: %s", strerror(errno));
	}
	helper->fd = fds[0];
	helper->pid = fork();
	if (!helper->pid)
		helper_main(bpffs, fds[1]);
	close(fds[1]);
	if (helper->pid < 0) {
		err_write(err, "forking: %s", strerror(errno));
		helper_free(helper);
		return -EAGAIN;
	}
	*ret_helper = helper;
	return 0;
}

void helper_free(struct helper *helper)
{
	if (!helper)
		return;
	sd_event_source_disable_unref(helper->io);
	close(helper->fd);
	if (helper->pid > 0) {
		/* it may be stopped, and then wouldn't end */
		kill(helper->pid, SIGCONT);
		waitpid(helper->pid, NULL, 0);
	}
	free(helper);
}

static void log_end(struct helper *helper)
{
	int status = 0;

	waitpid(helper->pid, &status, 0);
	helper->pid = 0;
	log_say(LOG_ERR, "the attach helper has ended (%s %d); exiting, to be restarted",
		WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int helper_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct helper *helper = userdata;
	struct helper_answer answer;

	if (recv(fd, &answer, sizeof(answer), 0) != sizeof(answer)) {
		log_end(helper);
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return sd_event_exit(sd_event_source_get_event(source), 1);
	}
	helper->busy = false;
	helper->answered(&answer, helper->userdata);
	return 0;
}

int helper_follow(struct helper *helper, sd_event *event, helper_answered_fn *answered,
		  void *userdata)
{
	int r = sd_event_add_io(event, &helper->io, helper->fd, EPOLLIN, helper_io, helper);

	helper->answered = answered;
	helper->userdata = userdata;
	return r < 0 ? r : 0;
}

bool helper_busy(const struct helper *helper)
{
	return helper->busy;
}

static int err_gone(struct err *err, int error)
{
	return err_set(err, error, "asking the attach helper: %s", strerror(-error));
}

int helper_send(struct helper *helper, const struct helper_request *request, struct err *err)
{
	if (send(helper->fd, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		return err_gone(err, negative_errno());
	helper->busy = true;
	helper->asked_ns = clock_boot_ns();
	return 0;
}

int helper_call(struct helper *helper, const struct helper_request *request, struct err *err)
{
	struct helper_answer answer;
	int r = helper_send(helper, request, err);

	if (r < 0)
		return r;
	helper->busy = false;
	if (recv(helper->fd, &answer, sizeof(answer), 0) != sizeof(answer))
		return err_gone(err, -EPIPE);
	if (answer.result < 0)
		*err = answer.err;
	return answer.result;
}

void helper_watch(struct helper *helper)
{
	if (!helper->busy || clock_boot_ns() - helper->asked_ns < HELPER_LATE_NS)
		return;
	log_say(LOG_ERR, "the attach helper has not answered for %d s",
		(int)(HELPER_LATE_NS / CLOCK_NS_PER_S));
	kill(helper->pid, SIGKILL);
}
