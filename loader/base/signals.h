/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Defers SIGINT, SIGTERM and SIGHUP until a command's change is complete. */
#ifndef XDP_L2RESP_SIGNALS_H
#define XDP_L2RESP_SIGNALS_H

/* Blocks the signals. A second call changes nothing. */
void signals_hold(void);

/* Unblocks the signals: a pending one ends the process, with the signal's exit status. */
void signals_release(void);

#endif
