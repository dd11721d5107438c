/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's options: one list gives parsing, help and completion. */
#ifndef XDP_L2RESPD_OPTIONS_H
#define XDP_L2RESPD_OPTIONS_H

#include "config.h"

/* X(letter, is the letter an option too?, name, argument or NULL, help) */
#define AGENT_OPTIONS(X)                                                                  \
	X('c', true, "config", "FILE", "configuration (default " CONFIG_DEFAULT_PATH ")") \
	X('C', false, "check", NULL, "check configuration and manifests, touch nothing")  \
	X('n', false, "dry-run", NULL, "print what would be done, touch nothing")         \
	X('s', false, "stay", NULL, "with drain: also after a restart of the agent")      \
	X('j', true, "json", NULL, "machine-readable output")                             \
	X('v', true, "verbose", NULL, "show what libbpf, libxdp and the verifier say")    \
	X('h', true, "help", NULL, "this help")                                           \
	X('V', true, "version", NULL, "print the version")

#endif
