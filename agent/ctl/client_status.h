/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints the answer of /status as text. */
#ifndef XDP_L2RESPD_CLIENT_STATUS_H
#define XDP_L2RESPD_CLIENT_STATUS_H

#include <jansson.h>

void client_print_status(const json_t *answer);

#endif
