/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /status says, for a person. */
#ifndef XDP_L2RESPD_STATUS_PRINT_H
#define XDP_L2RESPD_STATUS_PRINT_H

#include <jansson.h>

void status_print(const json_t *answer);

#endif
