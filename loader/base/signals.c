// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>
#include <stdbool.h>

#include "signals.h"

static bool held;
static sigset_t before;

void signals_hold(void)
{
	sigset_t ends;

	if (held)
		return;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	held = !sigprocmask(SIG_BLOCK, &ends, &before);
}

void signals_release(void)
{
	if (held)
		sigprocmask(SIG_SETMASK, &before, NULL);
	held = false;
}
