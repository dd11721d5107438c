/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGINT, SIGTERM and SIGHUP amid a change: they end a command when it is whole. */
#ifndef XDP_L2RESP_SIGNALS_H
#define XDP_L2RESP_SIGNALS_H

/* They wait from now on. A second call changes nothing. */
void signals_hold(void);

/* Lets them through again: one that waited ends the process, with the status that it gives. */
void signals_release(void);

#endif
