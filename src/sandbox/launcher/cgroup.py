"""
A control group per instance, where this process may make them: the kernel's own account of memory
and processes, whatever the process does. Version 2, or version 1 controllers, or none.
"""
import errno
import os


def find():
    """The way to make groups here, or None, and a sentence that says why."""
    try:
        with open("/proc/self/cgroup") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError as error:
        return None, "cannot read /proc/self/cgroup: %s" % error.strerror
    own = {name: path for _, names, path in lines for name in names.split(",")}
    reasons = []
    for kind in (_Version2, _Version1):
        try:
            family = kind(own)
            family.sweep()
            family.try_out()
            return family, family.description
        except (OSError, KeyError, LookupError) as error:
            reasons.append("%s: %s" % (kind.name, error))
    return None, "; ".join(reasons)


# As long as the kernel's own default.
_CPU_PERIOD = 100_000


class _Family:
    # Whether the cpu controller can be used as well; without it nothing else is missed.
    has_cpu = False

    def sweep(self):
        """Groups of launchers that were killed; the kernel keeps those that are not empty."""
        for parent in self.parents:
            for name in os.listdir(parent):
                parts = name.split("-")
                if parts[0] == "orla" and not os.path.exists("/proc/" + parts[1]):
                    try:
                        os.rmdir(os.path.join(parent, name))
                    except OSError:
                        pass

    def try_out(self):
        group = self.make("orla-%d-probe" % os.getpid())
        try:
            self.set_memory(group.paths, 64 << 20)
            self.set_processes(group.paths, 64)
            self._try_cpu(group)
        finally:
            group.remove()

    def _try_cpu(self, group):
        try:
            self.set_cpu(group.paths, 50)
        except (OSError, IndexError):
            self.has_cpu = False
            self.parents = self.parents[:2]
        else:
            self.has_cpu = True

    def make(self, name):
        paths = []
        for parent in self.parents:
            path = os.path.join(parent, name)
            os.mkdir(path, 0o755)
            paths.append(path)
        return Group(self, paths)


class _Version2(_Family):
    name = "cgroup v2"
    description = "cgroup v2: memory.max, pids.max"
    membership = "cgroup.procs"

    def __init__(self, own):
        parent = os.path.join(_mount_point("cgroup2"), own[""].lstrip("/"))
        with open(os.path.join(parent, "cgroup.subtree_control")) as file:
            enabled = file.read().split()
        missing = [name for name in ("memory", "pids") if name not in enabled]
        if missing:
            # Fails where processes live in this very group, as the kernel wants them in leaves.
            with open(os.path.join(parent, "cgroup.subtree_control"), "w") as file:
                file.write(" ".join("+" + name for name in missing))
        self.parents = [parent]
        if "cpu" not in enabled:
            try:
                _write(parent, "cgroup.subtree_control", "+cpu")
            except OSError:
                pass  # Not delegated.

    def set_cpu(self, paths, percent):
        _write(paths[0], "cpu.max", "%d %d" % (percent * _CPU_PERIOD // 100, _CPU_PERIOD))

    def set_memory(self, paths, limit):
        _write(paths[0], "memory.max", limit)
        try:
            _write(paths[0], "memory.swap.max", 0)
        except FileNotFoundError:
            pass  # No swap accounting in this kernel.

    def set_processes(self, paths, limit):
        _write(paths[0], "pids.max", limit)


class _Version1(_Family):
    name = "cgroup v1"
    description = "cgroup v1: memory.limit_in_bytes, pids.max"
    membership = "cgroup.procs"

    def __init__(self, own):
        self.parents = [
            os.path.join(_mount_point("cgroup", name), own[name].lstrip("/"))
            for name in ("memory", "pids")
        ]
        try:
            mount = _mount_point("cgroup", "cpu")
            self.parents.append(os.path.join(mount, own["cpu"].lstrip("/")))
        except LookupError:
            pass  # Not mounted.

    def set_cpu(self, paths, percent):
        _write(paths[2], "cpu.cfs_period_us", _CPU_PERIOD)
        _write(paths[2], "cpu.cfs_quota_us", percent * _CPU_PERIOD // 100)

    def set_memory(self, paths, limit):
        _write(paths[0], "memory.limit_in_bytes", limit)

    def set_processes(self, paths, limit):
        _write(paths[1], "pids.max", limit)


class Group:
    def __init__(self, family, paths):
        self._family = family
        self.paths = paths

    @property
    def has_cpu(self):
        return self._family.has_cpu

    def limit(self, memory_bytes=None, processes=None, cpu_percent=None):
        if memory_bytes is not None:
            self._family.set_memory(self.paths, memory_bytes)
        if processes is not None:
            self._family.set_processes(self.paths, processes)
        if cpu_percent is not None:
            self._family.set_cpu(self.paths, cpu_percent)

    def join(self):
        for path in self.paths:
            _write(path, self._family.membership, 0)

    def remove(self):
        """False if the kernel is not done with it yet."""
        try:
            for path in list(self.paths):
                os.rmdir(path)
                self.paths.remove(path)
        except FileNotFoundError:
            self.paths.remove(path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
        return not self.paths


def _write(group, name, value):
    with open(os.path.join(group, name), "w") as file:
        file.write(str(value))


def _mount_point(kind, controller=None):
    """From /proc/self/mounts: device, directory, type, options."""
    with open("/proc/self/mounts") as file:
        for line in file:
            _, directory, found, options = line.split()[:4]
            if found == kind and (controller is None or controller in options.split(",")):
                return directory
    raise LookupError("not mounted" if controller is None else "%s is not mounted" % controller)
