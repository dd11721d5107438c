// SPDX-License-Identifier: GPL-2.0-or-later
#include "commit.h"
#include "version.h"

const char version_release[] = L2RESP_VERSION;
const char version_commit[] = L2RESP_COMMIT;
const char version_text[] = L2RESP_VERSION " (" L2RESP_COMMIT ")";
