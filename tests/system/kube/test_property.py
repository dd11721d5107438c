# SPDX-License-Identifier: GPL-2.0-or-later
"""Random Services, pools and crashes: no address twice, none outside its pools, and always what docs/pools.md's order
gives. What that is, is worked out here a second time."""
import ipaddress
import itertools
import os
import random
import threading
import time
import urllib.error
from signal import SIGKILL

from test_pools import LEASE, POOLS, SERVICES, told  # noqa: F401 pylint: disable=unused-import
from wait import let_pass, wait_until

FULL = os.environ.get("XDP_L2RESP_FULL")
# CI goes through the same histories each time; the long run through one that nobody saw before
SEED = int(os.environ.get("XDP_L2RESP_SEED", time.time() if FULL else 1795525378))
STEPS = 150 if FULL else 12
COLORS = ("blue", "red")
IPS, KEY = "lbipam.cilium.io/ips", "lbipam.cilium.io/sharing-key"
MERGE = "application/merge-patch+json"
IN_FLIGHT = 0.2
SETTLED = 20  # seconds, on a busy machine; an agent that leads needs one


def born(item):
    return item["metadata"]["creationTimestamp"], item["metadata"]["name"]


def ip(number):
    return f"198.18.20.{number}"


class Pool:
    def __init__(self, item):
        spec = item["spec"]
        self.name, self.disabled = item["metadata"]["name"], spec.get("disabled", False)
        self.color = spec.get("serviceSelector", {}).get("matchLabels", {}).get("color")
        self.given, self.all, self.conflict = [], [], False
        for block in spec["blocks"]:
            if "cidr" in block:
                addresses = [str(one) for one in ipaddress.ip_network(block["cidr"])]
            else:
                first, last = (int(ipaddress.ip_address(block[end])) for end in ("start", "stop"))
                addresses = [str(ipaddress.ip_address(one)) for one in range(first, last + 1)]
            self.all += addresses
            reserved = "cidr" in block and spec.get("allowFirstLastIPs") == "No"
            self.given += addresses[1:-1] if reserved else addresses

    def selects(self, service):
        return self.color in (None, service.color)


class Service:
    def __init__(self, item):
        metadata = item["metadata"]
        notes = metadata.get("annotations", {})
        self.name, self.color = metadata["name"], metadata.get("labels", {}).get("color")
        self.requested = [one for one in notes.get(IPS, "").split(",") if one]
        self.key, self.port = notes.get(KEY), item["spec"]["ports"][0]["port"]
        self.has = [one["ip"] for one in item["status"]["loadBalancer"].get("ingress", [])]

    def shares_with(self, other):
        return self is other or (self.key and self.key == other.key and self.port != other.port)


def read(cluster):
    """Both in their order, and the pools with their conflicts."""
    pools = [Pool(item) for item in sorted(cluster.api("GET", POOLS)["items"], key=born)]
    for number, pool in enumerate(pools):
        pool.conflict = len(set(pool.all)) < len(pool.all) or any(
            not older.conflict and set(older.all) & set(pool.all) for older in pools[:number])
    items = [item for item in cluster.api("GET", SERVICES)["items"] if item["spec"]["type"] == "LoadBalancer"]
    return [Service(item) for item in sorted(items, key=born)], pools


def can_have(service, address, holders):
    return all(service.shares_with(other) for other in holders.get(address, ()))


def usable(pools, service):
    return [pool for pool in pools if not pool.disabled and not pool.conflict and pool.selects(service)]


def decide(services, pools, had):
    """What each gets, who had @had before: one decision."""
    gets, holders = {service.name: [] for service in services}, {}

    def give(service, address):
        gets[service.name].append(address)
        holders.setdefault(address, []).append(service)

    for service in services:
        for address in sorted(had[service.name], key=ipaddress.ip_address):
            # also one that is reserved since it was given
            if any(pool.selects(service) and address in pool.all for pool in pools) and \
                    (address in service.requested if service.requested else not gets[service.name]) and \
                    can_have(service, address, holders):
                give(service, address)
    for service in services:
        for address in set(had[service.name]) - set(gets[service.name]):
            holders.setdefault(address, []).append(service)
    for service in services:
        for address in service.requested:
            if address not in gets[service.name] and can_have(service, address, holders) and \
                    any(address in pool.given for pool in usable(pools, service)):
                give(service, address)
    for service in services:
        if service.requested or gets[service.name]:
            continue
        mine = usable(pools, service)
        shared = sorted((address for address, others in holders.items()
                         if service.key and any(other.key == service.key for other in others)
                         and can_have(service, address, holders) and any(address in pool.given for pool in mine)),
                        key=ipaddress.ip_address)
        free = (address for pool in mine for address in pool.given if not holders.get(address))
        address = next(itertools.chain(shared, free), None)
        if address:
            give(service, address)
    return gets


def order_gives(services, pools, had):
    """Until there is nothing more to decide: what was taken back is free once it is gone from the status."""
    while (gets := decide(services, pools, had)) != had:
        had = gets
    return {name: sorted(addresses) for name, addresses in had.items()}


class World:
    """Objects that come and go by chance."""

    def __init__(self, cluster, chance):
        self.cluster, self.chance, self.numbers = cluster, chance, itertools.count()
        self.services, self.pools = [], []
        self.may, self.seen, self.twice = {}, set(), []
        self.stop = threading.Event()
        self.eye = threading.Thread(target=self.watch)
        self.eye.start()

    def close(self):
        self.stop.set()
        self.eye.join()

    def watch(self):
        """Whatever moment it is."""
        while not self.stop.is_set():
            services, _ = read(self.cluster)
            for one, other in itertools.combinations(services, 2):
                if set(one.has) & set(other.has) and not one.shares_with(other):
                    self.twice.append((one.name, other.name, one.has, other.has))
            self.seen |= {(one.name, address) for one in services for address in one.has}
            let_pass(0.02, "fifty looks a second")

    def check(self, where):
        assert not self.twice, (where, self.twice[:2])
        outside = [(name, address) for name, address in self.seen if address not in self.may[name]]
        assert not outside, (where, outside)

    def known(self):
        """Where each Service may have its addresses from, now or earlier."""
        services, pools = read(self.cluster)
        for service in services:
            self.may.setdefault(service.name, set()).update(
                address for pool in pools if pool.selects(service) for address in pool.given)

    def add_service(self):
        name = f"s{self.chance.randrange(100)}-{next(self.numbers)}"
        notes = {}
        if self.chance.random() < 0.25:
            notes[IPS] = ",".join(ip(self.chance.randrange(24)) for _ in range(self.chance.randint(1, 2)))
        if self.chance.random() < 0.3:
            notes[KEY] = self.chance.choice("kl")
        labels = {"color": self.chance.choice(COLORS)} if self.chance.random() < 0.6 else {}
        self.cluster.api("POST", SERVICES, {
            "metadata": {"name": name, "annotations": notes, "labels": labels},
            "spec": {"type": "LoadBalancer", "ports": [{"port": self.chance.randint(80, 82)}]}})
        self.services.append(name)

    def add_pool(self):
        name = f"p{self.chance.randrange(100)}-{next(self.numbers)}"
        first = self.chance.randrange(0, 24, 4)
        block = {"cidr": f"{ip(first)}/30"} if self.chance.random() < 0.5 else {
            "start": ip(first), "stop": ip(first + self.chance.randrange(6))}
        spec = {"blocks": [block], "allowFirstLastIPs": self.chance.choice(("Yes", "No"))}
        if self.chance.random() < 0.4:
            spec["serviceSelector"] = {"matchLabels": {"color": self.chance.choice(COLORS)}}
        self.cluster.api("POST", POOLS, {"apiVersion": "cilium.io/v2", "kind": "CiliumLoadBalancerIPPool",
                                         "metadata": {"name": name}, "spec": spec})
        self.pools.append(name)

    def remove(self, names, path):
        if names:
            self.cluster.api("DELETE", f"{path}/{names.pop(self.chance.randrange(len(names)))}")

    def change_pool(self):
        if self.pools:
            self.cluster.api("PATCH", f"{POOLS}/{self.chance.choice(self.pools)}", self.chance.choice((
                {"spec": {"disabled": True}}, {"spec": {"disabled": False}}, {"spec": {"serviceSelector": None}},
                {"spec": {"serviceSelector": {"matchLabels": {"color": self.chance.choice(COLORS)}}}})), kind=MERGE)

    def event(self):
        """About as many Services as addresses, after a while. And a pool: without any, nothing is touched."""
        def less():
            self.remove(self.services, SERVICES)

        def less_pools():
            self.remove(self.pools if len(self.pools) > 1 else [], POOLS)

        self.chance.choice((self.add_service, self.add_service, less if len(self.services) > 20 else self.add_service,
                            less, self.add_pool, less_pools, self.change_pool))()


class Crashes:
    """The agent is killed over its first write and, where it goes on, some later ones: before they are sent, or when they
    are done. By chances of its own, since its threads would bring disorder into the test's."""

    def __init__(self, agent, chance, crashes):
        self.agent, self.chance, self.crashes = agent, random.Random(chance.random()), crashes
        self.due = 1  # moments until the next one: two a write
        self.count = 0
        agent.gate.withhold = self.withhold
        agent.gate.meddle = lambda line, answer: self.dies(line) and (b"".join(answer), iter(()))[1] or answer

    def dies(self, line):
        if not self.crashes or not line.startswith("PATCH") or "/status" not in line or self.agent.process is None:
            return False
        self.due -= 1
        if self.due:
            return False
        self.due = self.chance.randint(1, 6)
        self.agent.signal(SIGKILL)
        self.count += 1
        return True

    def withhold(self, line):
        return self.dies(line)

    def revive(self, cluster):
        """As soon as nothing of the one before can be on its way."""
        if self.agent.process.poll() is None:
            return
        let_pass(IN_FLIGHT, "nothing of the one before can be on its way any more")
        begin(self.agent, cluster)

    def over(self):
        self.crashes = False


def begin(agent, cluster):
    # nobody else leads; the successor needn't wait for the lease to run out
    try:
        cluster.api("DELETE", LEASE)
    except urllib.error.HTTPError:
        pass
    # it may be killed over its first write, before it says that it is ready
    agent.launch()
    assert wait_until(lambda: agent.notified.wait("READY=1", 0.05) or agent.process.poll() is not None), agent.log()


def test_the_order_whatever_happens(agent, cluster, objects, told):
    print(f"# seed {SEED}")
    chance = random.Random(SEED)
    world = World(cluster, chance)
    try:
        for _ in range(3):
            world.add_pool()
        crashes = 0
        for step in range(STEPS):
            asleep, crashing = step % 2 == 0, step == 0 or chance.random() < 0.5
            if asleep and agent.process:
                agent.end(SIGKILL)
                let_pass(IN_FLIGHT, "nothing of it can be on its way any more")
            had = {one.name: one.has for one in read(cluster)[0]}
            for _ in range(chance.randint(1, 6) if asleep else 1):
                world.event()
            world.known()
            services, pools = read(cluster)
            expected = order_gives(services, pools, {one.name: had.get(one.name, []) for one in services})
            killer = Crashes(agent, chance, crashing)
            if not agent.process or agent.process.poll() is not None:
                begin(agent, cluster)
            check_step(agent, cluster, killer, expected, f"seed {SEED}, step {step}")
            crashes += killer.count
            world.check(f"seed {SEED}, step {step}")
        print(f"# {STEPS} steps, {crashes} crashes, {len(world.services)} Services and {len(world.pools)} pools left")
        assert crashes
    finally:
        world.close()
        for name in world.pools:
            cluster.api("DELETE", f"{POOLS}/{name}")


def check_step(agent, cluster, killer, expected, where):
    def given():
        return {one.name: sorted(one.has) for one in read(cluster)[0]}

    def stands():
        """Nothing more would be decided, so all that can be given is."""
        killer.revive(cluster)
        services, pools = read(cluster)
        had = {one.name: sorted(one.has) for one in services}
        return order_gives(services, pools, had) == had

    if killer.crashes:
        # what was written before it was killed is kept, so that the result may be another, but as good
        assert wait_until(lambda: killer.count or stands(), SETTLED), (where, given(), agent.log()[-3000:])
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            killer.revive(cluster)
            let_pass(0.05, "a few more writes")
        killer.over()
        assert wait_until(stands, SETTLED), (where, given(), agent.log()[-3000:])
        return
    assert wait_until(lambda: given() == expected, SETTLED), (where, given(), expected, agent.log()[-3000:])
