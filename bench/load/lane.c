// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "cleanup.h"
#include "lane.h"

#define BPFFS "/sys/fs/bpf"
/* ten milliseconds each */
#define PACKET_SOCKET_LOOKS 1000

int lane_isolate(struct err *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return err_set(err, negative_errno(), "a mount namespace: %s%s", strerror(errno),
			       errno == EPERM ? "; run it as root" : "");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpf", BPFFS, "bpf", 0, "mode=0700") < 0)
		return err_set(err, negative_errno(), "mounting %s: %s", BPFFS, strerror(errno));
	return 0;
}

int lane_enter(int ns, struct err *err)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		return err_set(err, negative_errno(), "entering a network namespace: %s",
			       strerror(errno));
	return 0;
}

/* In the child: creates its network namespace, and makes it die with its parent. */
static void child_exec(int ns, int input, int output, const char *const *words)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setns(ns, CLONE_NEWNET) < 0)
		_exit(126);
	if (input < 0)
		input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(input, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execvp(words[0], (char *const *)words);
	_exit(127);
}

int lane_run(int ns, int input, const char *const *words, struct err *err)
{
	_cleanup_close_ int output = memfd_create("output", MFD_CLOEXEC);
	int status;
	ssize_t length;
	char text[512];
	pid_t pid;

	if (output < 0)
		return err_set(err, negative_errno(), "memfd_create: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return err_set(err, negative_errno(), "fork: %s", strerror(errno));
	if (!pid)
		child_exec(ns, input, output, words);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(err, negative_errno(), "waitpid: %s", strerror(errno));
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, -ENOENT, "%s isn't installed", words[0]);
	length = pread(output, text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return err_set(err, -EIO, "%s %s failed: %s", words[0], words[1] ?: "", text);
}

int lane_start(int ns, const char *const *words, pid_t *ret_pid, struct err *err)
{
	_cleanup_close_ int output = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid = fork();

	if (pid < 0)
		return err_set(err, negative_errno(), "fork: %s", strerror(errno));
	if (!pid)
		child_exec(ns, -1, output, words);
	*ret_pid = pid;
	return 0;
}

/* True if @pid has moved to @ns and a packet socket is open there. */
static bool has_packet_socket(int ns, pid_t pid)
{
	char path[64], line[128];
	struct stat expected, found;
	FILE *sockets;
	int lines = 0;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (fstat(ns, &expected) < 0 || stat(path, &found) < 0 || expected.st_ino != found.st_ino)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/net/packet", pid);
	sockets = fopen(path, "re");
	while (sockets && fgets(line, sizeof(line), sockets))
		lines++;
	if (sockets)
		fclose(sockets);
	return lines > 1; /* the first has the columns' names */
}

int lane_wait_packet_socket(int ns, pid_t pid, struct err *err)
{
	for (int i = 0; i < PACKET_SOCKET_LOOKS; i++) {
		if (has_packet_socket(ns, pid))
			return 0;
		usleep(10000);
	}
	return err_set(err, -ETIMEDOUT, "process %d opens no packet socket", pid);
}

void lane_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* In a child, since /proc/sys/net shows the opener's network namespace. */
int lane_sysctl(int ns, const char *path, const char *value, struct err *err)
{
	char command[160];

	snprintf(command, sizeof(command), "echo %s >/proc/sys/net/%s", value, path);
	return LANE_RUN(ns, err, "sh", "-c", command);
}

static int namespace_new(int *ret_ns, struct err *err)
{
	int ns;

	if (unshare(CLONE_NEWNET) < 0)
		return err_set(err, negative_errno(), "a network namespace: %s", strerror(errno));
	ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return err_set(err, negative_errno(), "/proc/thread-self/ns/net: %s",
			       strerror(errno));
	*ret_ns = ns;
	return 0;
}

/* Leaves the calling thread in @ns. */
static int end_open(int ns, const char *name, int *ret_socket, unsigned int *ret_ifindex,
		    uint8_t mac[ETH_ALEN], struct err *err)
{
	struct ifreq request = {};
	int r = lane_enter(ns, err);

	if (r < 0)
		return r;
	*ret_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*ret_ifindex = if_nametoindex(name);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (*ret_socket < 0 || !*ret_ifindex || ioctl(*ret_socket, SIOCGIFHWADDR, &request) < 0)
		return err_set(err, negative_errno(), "%s: %s", name, strerror(errno));
	memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

static int lane_make(struct lane *lane, unsigned int queues, struct err *err)
{
	static unsigned int number;
	char device_ns[64], requester_ns[64], count[16];
	int r;

	snprintf(lane->bpffs, sizeof(lane->bpffs), BPFFS "/lane%u", number++);
	if (mkdir(lane->bpffs, 0700) < 0)
		return err_set(err, negative_errno(), "%s: %s", lane->bpffs, strerror(errno));
	r = namespace_new(&lane->requester_ns, err);
	if (!r)
		r = namespace_new(&lane->device_ns, err);
	if (r < 0)
		return r;
	snprintf(requester_ns, sizeof(requester_ns), "/proc/%d/fd/%d", getpid(),
		 lane->requester_ns);
	snprintf(device_ns, sizeof(device_ns), "/proc/%d/fd/%d", getpid(), lane->device_ns);
	snprintf(count, sizeof(count), "%u", queues);
	/* no IPv6 address: frames that a device sends by itself when it comes up would be counted
	 */
	r = lane_sysctl(lane->requester_ns, "ipv6/conf/default/disable_ipv6", "1", err);
	if (!r)
		r = lane_sysctl(lane->device_ns, "ipv6/conf/default/disable_ipv6", "1", err);
	if (!r)
		r = LANE_RUN(lane->requester_ns, err, "ip", "link", "add", "name", LANE_REQUESTER,
			     "numrxqueues", count, "numtxqueues", count, "type", "veth", "peer",
			     "name", LANE_DEVICE, "numrxqueues", count, "numtxqueues", count,
			     "netns", device_ns);
	if (!r)
		r = LANE_RUN(lane->requester_ns, err, "ip", "link", "set", "dev", LANE_REQUESTER,
			     "up");
	if (!r)
		r = LANE_RUN(lane->device_ns, err, "ip", "link", "set", "dev", LANE_DEVICE, "up");
	if (!r)
		r = end_open(lane->device_ns, LANE_DEVICE, &lane->device_socket,
			     &lane->device_ifindex, lane->device_mac, err);
	if (!r)
		r = end_open(lane->requester_ns, LANE_REQUESTER, &lane->requester_socket,
			     &lane->requester_ifindex, lane->requester_mac, err);
	return r;
}

int lane_open(struct lane *ret_lane, unsigned int queues, struct err *err)
{
	struct lane lane = {
		.requester_ns = -1, .device_ns = -1, .requester_socket = -1, .device_socket = -1
	};
	int r = lane_make(&lane, queues, err);

	if (r < 0) {
		lane_close(&lane);
		return r;
	}
	*ret_lane = lane;
	return 0;
}

void lane_close(struct lane *lane)
{
	int fds[] = { lane->requester_ns, lane->device_ns, lane->requester_socket,
		      lane->device_socket };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int device_ethtool(const struct lane *lane, void *data)
{
	struct ifreq request = { .ifr_name = LANE_DEVICE, .ifr_data = data };

	return ioctl(lane->device_socket, SIOCETHTOOL, &request);
}

int lane_device_gro(const struct lane *lane, bool on, struct err *err)
{
	struct ethtool_value value = { .cmd = ETHTOOL_SGRO, .data = on };

	if (device_ethtool(lane, &value) < 0)
		return err_set(err, negative_errno(), LANE_DEVICE ": GRO: %s", strerror(errno));
	return 0;
}

int lane_device_received(const struct lane *lane, uint64_t *ret_received, struct err *err)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} set = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_STATS } };
	_cleanup_free_ struct ethtool_gstrings *names = NULL;
	_cleanup_free_ struct ethtool_stats *stats = NULL;
	uint64_t received = 0;

	if (device_ethtool(lane, &set) < 0)
		return err_set(err, negative_errno(), LANE_DEVICE ": statistics: %s",
			       strerror(errno));
	names = calloc(1, sizeof(*names) + (size_t)set.count * ETH_GSTRING_LEN);
	stats = calloc(1, sizeof(*stats) + set.count * sizeof(uint64_t));
	if (!names || !stats)
		return err_set(err, -ENOMEM, "out of memory");
	*names = (struct ethtool_gstrings){ .cmd = ETHTOOL_GSTRINGS,
					    .string_set = ETH_SS_STATS,
					    .len = set.count };
	*stats = (struct ethtool_stats){ .cmd = ETHTOOL_GSTATS, .n_stats = set.count };
	if (device_ethtool(lane, names) < 0 || device_ethtool(lane, stats) < 0)
		return err_set(err, negative_errno(), LANE_DEVICE ": statistics: %s",
			       strerror(errno));
	for (uint32_t i = 0; i < set.count; i++) {
		const char *name = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;

		if (!strncmp(name, "rx_queue_", 9) && strstr(name, "_xdp_packets"))
			received += stats->data[i];
	}
	*ret_received = received;
	return 0;
}
