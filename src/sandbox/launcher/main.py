"""
The launcher: one small process, started once, that turns ordinary children into confined ones.

It exists because Landlock and seccomp bind the calling thread, so they must be applied between fork
and exec, where the supervisor has no code of its own. A fork of this process costs a few
milliseconds less than starting any interpreter for each instance would.

Requests come as lines of JSON on standard input, events go as lines of JSON to standard output:

    {"op": "launch", "id": 1, "program": …}   {"event": "launched", "id": 1, "pid": 7, "uid": 200001}
                                              {"event": "failed", "id": 1, "message": …}
    {"op": "kill", "pid": 7}                  {"event": "exited", "pid": 7, "code": 137, "signal": 9}
    {"op": "limit", "pid": 7, …}              {"event": "problem", "message": …}
    {"op": "probe", "id": 2, "uid": 200000}   {"event": "probed", "id": 2, "findings": …}

The end of standard input is the supervisor's end: every child is killed, and the launcher ends. When
the launcher dies itself, the kernel kills its children (PR_SET_PDEATHSIG). It stays single-threaded,
without which a fork would not be safe.

Run with `python3 -I -S -E -B`, Python 3.8 or newer; no package beyond the standard library. As a
zygote (`zygote.py`) it is run by the interpreter of a Python environment, without -S, and launches that
environment's instances: requests then have `python` in place of `program` and `argv`.
"""
import errno
import gc
import json
import os
import resource
import select
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cgroup  # noqa: E402
import child  # noqa: E402
import gate  # noqa: E402
import kernel  # noqa: E402
import landlock  # noqa: E402
import probe  # noqa: E402
import zygote  # noqa: E402

READ_BYTES = 64 * 1024
# A failed step's message; less than a socket holds, so that the child never blocks on it.
MESSAGE_BYTES = 1024


class Child:
    def __init__(self, launch_id, pid, uid, group, outcome):
        self.launch_id = launch_id
        self.pid = pid
        self.uid = uid
        self.group = group
        # A socket that exec closes, or that carries why it was not reached.
        self.outcome = outcome
        self.message = b""
        self.gate = None
        self.failed = False
        self.exit = None


class Launcher:
    def __init__(self, uids, use_cgroups, parent):
        self._uids = uids
        # What instances of a Python environment are forked from; None in the launcher proper.
        self._parent = parent
        self._next_uid = None
        if uids is not None:
            # Launchers that share a range should rarely meet in it.
            self._next_uid = uids[0] + os.getpid() * 251 % (uids[1] - uids[0] + 1)
        self._groups = cgroup.find()[0] if use_cgroups else None
        self._abi = landlock.abi()
        self._children = {}
        self._leftovers = []
        self._input = b""
        self._poll = select.poll()
        # By descriptor, those who may report on it.
        self._outcomes = {}
        self._gates = {}

    def run(self):
        wake, wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll.register(0, select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        self._say(event="ready", pid=os.getpid(), landlockAbi=self._abi)
        for problem in () if self._parent is None else self._parent.problems:
            self._say(event="problem", message=problem)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == 0:
                    if not self._read():
                        return
                elif descriptor == wake:
                    try:
                        os.read(wake, 512)
                    except BlockingIOError:
                        pass
                    self._reap()
                elif descriptor in self._outcomes:
                    self._learn_outcome(self._outcomes[descriptor])
                elif descriptor in self._gates and not self._gates[descriptor].gate.answer():
                    self._close_gate(self._gates[descriptor])

    def end(self):
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid, dead in self._children.items():
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass
            if dead.group is not None:
                dead.group.remove()
        for group in self._leftovers:
            group.remove()

    def _read(self):
        chunk = os.read(0, READ_BYTES)
        lines = (self._input + chunk).split(b"\n")
        self._input = lines.pop()
        for line in lines:
            self._obey(json.loads(line))
        return chunk != b""

    def _obey(self, request):
        op = request["op"]
        if op == "launch":
            self._launch(request)
        elif op == "kill":
            # Only what is still ours and unreaped: its number cannot have passed to another.
            if request["pid"] in self._children:
                os.kill(request["pid"], signal.SIGKILL)
        elif op == "limit":
            self._limit(request["pid"], request["memoryBytes"], request["cpuPercent"])
        elif op == "probe":
            self._say(event="probed", id=request["id"], findings=probe.findings(request["uid"]))
        else:
            raise ValueError("unknown request %r" % op)

    def _limit(self, pid, memory_bytes, cpu_percent):
        target = self._children.get(pid)
        if target is None or target.group is None:
            return
        try:
            target.group.limit(memory_bytes=memory_bytes, cpu_percent=cpu_percent)
        except OSError as error:
            self._say(event="problem", message="cannot limit process %d: %s" % (pid, error))

    def _launch(self, request):
        launch_id = request["id"]
        group = prepared = None
        try:
            uid = self._take_uid() if request["ownUser"] else None
            prepared = child.Prepared(request, os.getpid(), self._abi, self._parent)
            if self._groups is not None:
                group = self._groups.make("orla-%d-%d" % (os.getpid(), launch_id))
                group.limit(request["limits"]["memoryBytes"], request["limits"]["threads"])
            outcome, report = socket.socketpair()
            pid = os.fork()
        except OSError as error:
            if group is not None:
                group.remove()
            if prepared is not None:
                prepared.target.forked()
            self._say(event="failed", id=launch_id, message=str(error))
            return
        if pid == 0:
            try:
                child.become(prepared, uid, group, report)
            except BaseException as error:  # Whatever it was: a child must never return from here.
                report.send(str(error).encode()[:MESSAGE_BYTES])
            finally:
                os._exit(127)
        report.close()
        prepared.target.forked()
        target = Child(launch_id, pid, uid, group, outcome)
        self._children[pid] = self._outcomes[outcome.fileno()] = target
        self._poll.register(outcome, select.POLLIN)

    def _take_uid(self):
        low, high = self._uids
        used = {other.uid for other in self._children.values()}
        for _ in range(high - low + 1):
            uid = self._next_uid
            self._next_uid = low if uid == high else uid + 1
            if uid not in used:
                return uid
        raise OSError(errno.EAGAIN, "every user id from %d to %d is in use" % (low, high))

    def _learn_outcome(self, target):
        report, opened = gate.receive(target.outcome, MESSAGE_BYTES)
        if opened is not None:
            target.gate = opened
            self._gates[opened.descriptor] = target
            self._poll.register(opened.descriptor, select.POLLIN)
        target.message += report
        if opened is not None or report:
            return
        del self._outcomes[target.outcome.fileno()]
        self._poll.unregister(target.outcome)
        target.outcome.close()
        target.outcome = None
        if target.message:
            target.failed = True
            message = target.message.decode("utf-8", "replace")
            self._say(event="failed", id=target.launch_id, message=message)
        else:
            quota = target.group is not None and target.group.has_cpu
            self._say(event="launched", id=target.launch_id, pid=target.pid, uid=target.uid, cpuQuota=quota)
        if target.exit is not None:
            self._report_exit(target)

    def _close_gate(self, target):
        if target.gate is None:
            return
        del self._gates[target.gate.descriptor]
        self._poll.unregister(target.gate.descriptor)
        target.gate.close()
        target.gate = None

    def _reap(self):
        self._leftovers = [group for group in self._leftovers if not group.remove()]
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            target = self._children.pop(pid, None)
            if target is None:
                continue
            self._close_gate(target)
            if target.group is not None and not target.group.remove():
                self._leftovers.append(target.group)
            target.exit = status
            # What became of the launch is always told before the exit.
            if target.outcome is None:
                self._report_exit(target)

    def _report_exit(self, target):
        if target.failed:
            return
        status = target.exit
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        code = os.WEXITSTATUS(status) if number is None else 128 + number
        self._say(event="exited", pid=target.pid, code=code, signal=number)

    def _say(self, **event):
        line = json.dumps(event).encode() + b"\n"
        while line:
            line = line[os.write(1, line):]


def main():
    options = json.loads(sys.argv[1])
    # Whoever means these means the supervisor, which drains before our input ends.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    # Whatever the supervisor left open; all that is opened later closes at exec by itself.
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                pass  # The one that listed them.
    os.umask(0o077)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parent = None
    if options.get("python") is not None:
        parent = zygote.Zygote(options["python"]["folder"], options["python"]["preload"])
    gc.disable()
    gc.freeze()
    launcher = Launcher(options["uids"], options["cgroups"], parent)
    try:
        launcher.run()
    except BrokenPipeError:
        pass  # Nobody listens any more, which is the supervisor's end just as well.
    finally:
        launcher.end()


main()
