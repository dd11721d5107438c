# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kubelet and its runtime make of the DaemonSet's pod: crun, the image's root, and what the manifests say.

The root is read-only, the capabilities are those of the manifest and no others, seccomp is the runtimes' default profile, the network is
the node's. Secrets, ConfigMap and host paths are mounted where the manifest has them.
"""
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xdp-l2resp"
PROFILE = Path("/usr/share/containers/seccomp.json")
ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"  # /var/run is a link to /run
# What every container has besides its volumes
MOUNTS = (("proc", "/proc", "proc", []), ("tmpfs", "/dev", "tmpfs", ["nosuid", "mode=755"]),
          ("sysfs", "/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro"]))

# None: pods can be run
REASON = None if shutil.which("crun") and PROFILE.exists() else "install crun and golang-github-containers-common first"


def image_root(build):
    """The root of the image of a build, kept outside the tree as long as its inputs stay the same; or that of the environment."""
    if "XDP_L2RESP_IMAGE" in os.environ:
        return Path(os.environ["XDP_L2RESP_IMAGE"])
    inputs = [build / "agent/xdp-l2respd", build / "loader/xdp-l2resp", TREE / "packaging/image/root", Path("/var/lib/dpkg/status")]
    key = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in inputs)).hexdigest()[:16]
    kept = CACHE / "image"
    root = kept / key
    if not root.exists():
        kept.mkdir(parents=True, exist_ok=True)
        # by no process id: each machine of the walk-through counts its own, and what was left by one that was killed is in the way
        made = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=kept))
        made.chmod(0o755)
        subprocess.run([TREE / "packaging/image/root", build, made], check=True)
        try:
            made.rename(root)
        except OSError:  # another test was first
            shutil.rmtree(made)
        # nobody has used the oldest for long
        for old in sorted(kept.iterdir(), key=os.path.getmtime)[:-6]:
            shutil.rmtree(old, ignore_errors=True)
    os.utime(root)
    return root


def hide_cgroups():
    """From the runtime, in this mount namespace: crun wants nothing to do with both versions side by side."""
    if Path("/sys/fs/cgroup/unified").exists():
        subprocess.run(["mount", "-t", "tmpfs", "none", "/sys/fs/cgroup"], check=True)


def chosen(entry, capabilities):
    """Whether an entry of the profile is for a container with these capabilities."""
    wanted, unwanted = (entry.get(name) or {} for name in ("includes", "excludes"))
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    return (set(wanted.get("caps", ())) <= set(capabilities) and not set(unwanted.get("caps", ())) & set(capabilities)
            and machine in wanted.get("arches", [machine]) and machine not in unwanted.get("arches", ()))


def seccomp(capabilities):
    """RuntimeDefault for these capabilities, as an OCI runtime takes it."""
    profile = json.loads(PROFILE.read_text())
    calls = [{key: entry[key] for key in ("names", "action", "errnoRet", "args") if entry.get(key)}
             for entry in profile["syscalls"] if chosen(entry, capabilities) and entry["names"]]
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile["defaultErrnoRet"],
            "architectures": [one["architecture"] for one in profile["archMap"] if one["architecture"] ==
                              {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}[platform.machine()]],
            "syscalls": calls}


class Pod:
    """A pod of a DaemonSet's @spec (template.spec) on a node. @files: {volume: directory} for ConfigMap and Secrets, and for host paths
    that are elsewhere here; @account: directory of the ServiceAccount's files; @env: of the node and the cluster. @network: a path."""

    def __init__(self, directory, name, root, spec, files, account, env, network=None):  # pylint: disable=too-many-arguments
        self.directory, self.name, self.root, self.spec = directory, name, root, spec
        self.files, self.account, self.env, self.network = files, account, env, network
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"} and spec["hostNetwork"]
        self.directory.mkdir(exist_ok=True)
        self.process = None

    def volume(self, name):
        found = next(one for one in self.spec["volumes"] if one["name"] == name)
        return self.files.get(name) or found["hostPath"]["path"]

    def config(self, container):
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"]
        assert rights["capabilities"]["drop"] == ["ALL"]
        capabilities = [f"CAP_{name}" for name in rights["capabilities"].get("add", ())]
        mounts = [{"destination": there, "type": kind, "source": source, "options": options} for source, there, kind, options in MOUNTS]
        mounts += [{"destination": one["mountPath"], "type": "bind", "source": str(self.volume(one["name"])),
                    "options": ["rbind", "rprivate", "ro" if one.get("readOnly") else "rw"]} for one in container.get("volumeMounts", ())]
        if self.account:
            mounts += [{"destination": ACCOUNT, "type": "bind", "source": str(self.account), "options": ["rbind", "ro"]}]
        return {
            "ociVersion": "1.0.0", "root": {"path": str(self.root), "readonly": True}, "mounts": mounts,
            "process": {"args": container["command"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "noNewPrivileges": True,
                        "env": ["PATH=/usr/sbin:/usr/bin", *(f"{name}={value}" for name, value in self.env.items())],
                        "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")}},
            "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "ipc"},
                                     *([{"type": "network", "path": self.network}] if self.network else ())],
                      "seccomp": seccomp(capabilities),
                      "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
                      "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}}

    def argv(self, container, verb="run", *words):
        """The command that runs it in the foreground; it ends as the container does."""
        bundle, options = self.directory / container["name"], list(words)
        if verb == "run":
            bundle.mkdir(exist_ok=True)
            (bundle / "config.json").write_text(json.dumps(self.config(container)))
            options = ["--bundle", str(bundle)]
        name = f"{self.name}-{container['name']}"
        # of an exec, the command comes after the name
        return ["crun", "--cgroup-manager=disabled", f"--root={self.directory / 'crun'}", verb,
                *((name, *options) if verb == "exec" else (*options, name))]

    def initialise(self):
        """The init containers, one after the other; what they said."""
        return [subprocess.run(self.argv(one), check=True, capture_output=True, text=True).stdout
                for one in self.spec.get("initContainers", ())]

    def exec(self, command, check=True):
        """In the first container, as probes and hooks are."""
        return subprocess.run(self.argv(self.spec["containers"][0], "exec", *command), check=check, capture_output=True, text=True)

    def start(self, log):
        """The first container; its process is crun's, which ends as the container does."""
        self.process = subprocess.Popen(self.argv(self.spec["containers"][0]), stdout=log, stderr=log)

    def close(self):
        if self.process:
            subprocess.run(self.argv(self.spec["containers"][0], "delete", "--force"), check=False, capture_output=True)
            self.process.wait()
