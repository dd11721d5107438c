// SPDX-License-Identifier: GPL-2.0-or-later
/* The end of a process waits for the kept lines of the log, and no longer than it says. */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <criterion/criterion.h>

#include "clock.h"
#include "log.h"

#define SECOND_NS UINT64_C(1000000000)
/* far longer than what is waited for, on a busy machine too, and far shorter than a fault's wait */
#define LONG_NS (20 * SECOND_NS)

static time_t wall_off;
static bool write_waits;
static sem_t write_goes_on, write_begun, reader_goes_on;

/* The wall clock is off, as after somebody set it. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	int r = syscall(SYS_clock_gettime, clock, now);

	now->tv_sec += clock == CLOCK_REALTIME ? wall_off : 0;
	return r;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	if (write_waits && fd == STDERR_FILENO) {
		write_waits = false;
		sem_post(&write_begun);
		sem_wait(&write_goes_on);
	}
	return syscall(SYS_write, fd, bytes, size);
}

/* The lock is held: the write can't end before this waits. */
int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
			   const struct timespec *until)
{
	int (*next)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *) =
		dlsym(RTLD_NEXT, "pthread_cond_clockwait");

	sem_post(&write_goes_on);
	return next(cond, mutex, clock, until);
}

/* Nobody reads before somebody waits for it. */
int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (timeout < 0)
		sem_post(&reader_goes_on);
	return ppoll(fds, count, timeout < 0 ? NULL : &(struct timespec){}, NULL);
}

/* Returns how long it took. */
static uint64_t flush(uint64_t usec)
{
	uint64_t begun_ns = clock_boot_ns();

	log_flush(usec);
	return clock_boot_ns() - begun_ns;
}

/* Makes standard error a pipe that is full. Returns the end to be read. */
static int fill_pipe(void)
{
	int ends[2];
	char page[4096] = {};

	cr_assert_eq(pipe(ends), 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], page, sizeof(page)) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

Test(log, nobody_reads_and_the_clock_was_set, .timeout = 60)
{
	fill_pipe();
	cr_assert_eq(log_start(), 0);
	log_say(LOG_ERR, "kept");
	wall_off = 3600;
	cr_assert_lt(flush(100000), LONG_NS);
}

static void *say(void *unused)
{
	log_say(LOG_ERR, "written at once");
	return unused;
}

Test(log, another_thread_is_writing, .timeout = 60)
{
	pthread_t thread;

	sem_init(&write_goes_on, 0, 0);
	sem_init(&write_begun, 0, 0);
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	cr_assert_eq(log_start(), 0);
	write_waits = true;
	pthread_create(&thread, NULL, say, NULL);
	sem_wait(&write_begun);
	cr_assert_lt(flush(2 * LONG_NS / 1000), LONG_NS);
	pthread_join(thread, NULL);
}

/* Returns whether the line came. */
static void *read_late(void *fd)
{
	char page[4096];
	bool came = false;
	ssize_t size;

	sem_wait(&reader_goes_on);
	while ((size = read(*(int *)fd, page, sizeof(page))) > 0)
		came |= memmem(page, size, "not lost", strlen("not lost")) != NULL;
	return came ? fd : NULL;
}

Test(log, a_command_waits_for_its_reader, .timeout = 60)
{
	int fd = fill_pipe();
	pthread_t thread;
	void *came;

	sem_init(&reader_goes_on, 0, 0);
	pthread_create(&thread, NULL, read_late, &fd);
	log_wait_for_reader();
	log_say(LOG_ERR, "not lost");
	sem_post(&reader_goes_on);
	close(STDERR_FILENO);
	pthread_join(thread, &came);
	cr_assert(came);
}
