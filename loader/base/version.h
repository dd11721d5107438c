/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The release and the commit that a program was built from. */
#ifndef XDP_L2RESP_VERSION_H
#define XDP_L2RESP_VERSION_H

/* "0.2.0 (0123456789ab)"; a "+" behind the commit: the tree had uncommitted changes; "unknown
 * commit": it was built without the repository. */
extern const char version_text[];

/* Its parts. */
extern const char version_release[], version_commit[];

#endif
