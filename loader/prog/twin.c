// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "twin.h"

/* Of the pin until it takes the place of the one without. */
#define COMING "_coming"

static int twin_path(const struct pins *pins, unsigned int ifindex, const char *suffix,
		     char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/" PINS_TWIN_PREFIX "%u%s", pins->dir, ifindex, suffix) <
			       PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

static int err_twin(struct err *err, int error, const char *path)
{
	return err_set(err, error, "%s: %s", path, strerror(-error));
}

int twin_run(int fd, const void *frame, size_t length, enum outcome *ret_outcome, void *out,
	     size_t *length_out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = length,
		    .data_out = out, .data_size_out = *length_out, .repeat = 1);
	int r = bpf_prog_test_run_opts(fd, &opts);

	if (r < 0)
		return r;
	*ret_outcome = opts.retval;
	*length_out = opts.data_size_out;
	return 0;
}

bool twin_answers(enum outcome outcome)
{
	return outcome == OUTCOME_ARP_ANSWERED || outcome == OUTCOME_ND_ANSWERED;
}

int twin_pin(const struct pins *pins, unsigned int ifindex, int fd, struct err *err)
{
	char beside[PATH_MAX];
	int r = twin_path(pins, ifindex, COMING, beside);

	if (r < 0)
		return err_twin(err, r, pins->dir);
	/* one that a killed command left */
	unlink(beside);
	return bpf_obj_pin(fd, beside) < 0 ? err_twin(err, negative_errno(), beside) : 0;
}

/* Interface numbers aren't used again soon: their pins would stay for ever. */
static void remove_gone(const struct pins *pins)
{
	DIR *dir = opendir(pins->dir);
	char name[IFNAMSIZ];
	struct dirent *pin;

	while (dir && (pin = readdir(dir))) {
		unsigned int ifindex;

		if (sscanf(pin->d_name, PINS_TWIN_PREFIX "%u", &ifindex) == 1 &&
		    !if_indextoname(ifindex, name))
			unlinkat(dirfd(dir), pin->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

void twin_place(const struct pins *pins, unsigned int ifindex)
{
	char path[PATH_MAX], beside[PATH_MAX];

	if (twin_path(pins, ifindex, "", path) < 0 ||
	    twin_path(pins, ifindex, COMING, beside) < 0 || rename(beside, path) < 0)
		twin_remove(pins, ifindex);
	remove_gone(pins);
}

void twin_discard(const struct pins *pins, unsigned int ifindex)
{
	char beside[PATH_MAX];

	if (!twin_path(pins, ifindex, COMING, beside))
		unlink(beside);
}

int twin_open(const struct pins *pins, unsigned int ifindex, struct err *err)
{
	char path[PATH_MAX];
	int r = twin_path(pins, ifindex, "", path), fd;

	err->text[0] = '\0';
	if (r < 0)
		return err_twin(err, r, pins->dir);
	fd = bpf_obj_get(path);
	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -ENOENT : err_twin(err, negative_errno(), path);
}

void twin_remove(const struct pins *pins, unsigned int ifindex)
{
	char path[PATH_MAX];

	if (!twin_path(pins, ifindex, "", path))
		unlink(path);
	twin_discard(pins, ifindex);
}
