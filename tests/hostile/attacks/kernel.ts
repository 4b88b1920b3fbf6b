/** Asking the kernel for what reaches beyond the process. */
import { type Attack, type AttackCode, refused } from "../attack.ts";

const denied = (source: string) => refused(["permissions", "seccomp"], source);
const BARE = { openIn: ["bare"] } as const;
const DEPENDS = { dependsIn: ["bare"] } as const;

/** A kernel call that Python can make and JavaScript cannot. */
const filtered = (source: string, open: Partial<AttackCode> = BARE) =>
  refused(["seccomp"], `import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n${source}`, {
    ...open,
    noControl: "tests/sandbox shows it to work",
  });

export const kernelAttacks: readonly Attack[] = [
  {
    name: "trace another process",
    behindDeno: ["ptraceParent", "ptraceSibling"],
    code: { python: filtered(`return libc.ptrace(0x4206, target["sibling"], None, None) == 0`) },
  },
  {
    name: "read another process's memory",
    behindDeno: ["readSiblingMemory"],
    code: {
      python: filtered(`return libc.process_vm_readv(target["sibling"], None, 0, None, 0, 0) == 0`),
    },
  },
  {
    name: "lower another instance's limits and priority",
    behindDeno: ["limitSibling", "slowSibling"],
    code: {
      python: refused(
        ["seccomp", "user"],
        `import os, resource
os.setpriority(os.PRIO_PROCESS, target["sibling"], 5)
return True`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "raise its own limits",
    behindDeno: ["raiseOpenFiles"],
    code: {
      python: refused(
        ["limits"],
        `import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
return True`,
        { noControl: "root may" },
      ),
    },
  },
  {
    name: "become root",
    behindDeno: ["becomeRoot"],
    code: {
      javascript: refused(
        ["bootstrap", "permissions", "seccomp"],
        `
        (await builtin("process")).default.setuid(0); return true;`,
        {
          noControl: "Deno's own may not either",
        },
      ),
      python: refused(["seccomp", "user"], `import os\nos.setuid(0)\nreturn True`, {
        noControl: "root may",
      }),
    },
  },
  {
    name: "make namespaces and mounts",
    behindDeno: ["newUserNamespace", "mount"],
    code: {
      python: refused(
        ["seccomp"],
        `import ctypes
libc = ctypes.CDLL(None, use_errno=True)
return libc.unshare(0x10020000) == 0 or libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0`,
        {
          noControl: "tests/sandbox shows it to work",
        },
      ),
    },
  },
  {
    name: "load a program into the kernel (bpf)",
    behindDeno: ["loadProgram"],
    code: { python: filtered(`return libc.syscall(321, 5, b"\\0" * 128, 72) >= 0`, DEPENDS) },
  },
  {
    name: "use io_uring",
    behindDeno: ["ioRing"],
    code: {
      python: filtered(
        `buffer = ctypes.create_string_buffer(256)
return libc.syscall(425, 4, buffer) >= 0`,
        DEPENDS,
      ),
    },
  },
  {
    name: "handle page faults in user space (userfaultfd)",
    behindDeno: ["faultHandler"],
    code: { python: filtered(`return libc.syscall(323, 1) >= 0`, DEPENDS) },
  },
  {
    name: "read and keep keys in the kernel's keyrings",
    behindDeno: ["keyring"],
    code: { python: filtered(`return libc.syscall(250, 0, -3, 1) >= 0`, DEPENDS) },
  },
  {
    name: "run a program from memory alone (memfd)",
    behindDeno: ["anonymousFile"],
    code: { python: filtered(`return libc.memfd_create(b"x", 0) >= 0`) },
  },
  {
    name: "set the clock",
    code: {
      python: refused(
        ["seccomp"],
        `import time
time.clock_settime(time.CLOCK_REALTIME, time.time())
return True`,
        { noControl: "root might" },
      ),
    },
  },
  {
    name: "count what the processor does (perf)",
    behindDeno: ["performanceCounter"],
    code: {
      python: filtered(
        `buffer = ctypes.create_string_buffer(128)
return libc.syscall(298, buffer, 0, -1, -1, 0) >= 0`,
        DEPENDS,
      ),
    },
  },
  {
    name: "share memory with other instances (System V)",
    behindDeno: ["sharedMemory"],
    code: { python: filtered(`return libc.shmget(0x6f726c61, 4096, 0o1666) >= 0`) },
  },
  {
    name: "watch others' files (inotify)",
    behindDeno: ["watchFiles", "handleOfFile"],
    code: {
      javascript: denied(`return Deno.watchFs("/tmp") !== null;`),
      python: filtered(`return libc.inotify_init1(0) >= 0`),
    },
  },
];
