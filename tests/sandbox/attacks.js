// Everything a function could try once it had escaped its runtime's own rules. It runs with all of
// Deno's permissions, so that what is refused was refused by the kernel.
//
// Prints one line of JSON: by attack, `true` when it got what it wanted.

const target = JSON.parse(Deno.args[0]);

const numbers = Deno.build.arch === "x86_64"
  ? {
    ...{ ptrace: 101, process_vm_readv: 310, kill: 62, tgkill: 234, mount: 165, unshare: 272 },
    ...{
      socket: 41,
      connect: 42,
      sendto: 44,
      execve: 59,
      execveat: 322,
      clone: 56,
      prlimit64: 302,
    },
    ...{ bpf: 321, keyctl: 250, userfaultfd: 323, perf_event_open: 298, memfd_create: 319 },
    ...{ inotify_init1: 294, setresuid: 117, shmget: 29, personality: 135, name_to_handle_at: 303 },
    ...{ ioctl: 16, prctl: 157, fsetxattr: 190, seccomp: 317, setpriority: 141, exit_group: 231 },
  }
  : {
    ...{ ptrace: 117, process_vm_readv: 270, kill: 129, tgkill: 131, mount: 40, unshare: 97 },
    ...{ socket: 198, connect: 203, sendto: 206, execve: 221, execveat: 281, clone: 220 },
    ...{ prlimit64: 261, bpf: 280, keyctl: 219, userfaultfd: 282, perf_event_open: 241 },
    ...{ memfd_create: 279, inotify_init1: 26, setresuid: 147, shmget: 194, personality: 92 },
    ...{ name_to_handle_at: 264, ioctl: 29, prctl: 167, fsetxattr: 7, seccomp: 277 },
    ...{ setpriority: 140, exit_group: 94 },
  };
Object.assign(numbers, { pidfd_open: 434, io_uring_setup: 425, close_range: 436 });

const libc = Deno.dlopen("libc.so.6", {
  syscall: {
    parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"],
    result: "i64",
  },
});
// As an instance does before it hears of a function.
await Deno.connect({ transport: "unix", path: "socket" });

const kept = [];
/** Text, bytes and arrays become pointers that live as long as this program. */
function word(value) {
  if (typeof value === "number") return BigInt(value);
  if (typeof value === "bigint") return value;
  const bytes = typeof value === "string" ? new TextEncoder().encode(value + "\0") : value;
  kept.push(bytes);
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}
function syscall(name, ...args) {
  const words = [0, 1, 2, 3, 4, 5].map((index) => word(args[index] ?? 0));
  return Number(libc.symbols.syscall(BigInt(numbers[name]), ...words));
}
const works = (name, ...args) => syscall(name, ...args) >= 0;
const pointers = (...items) => new BigUint64Array([...items.map(word), 0n]);

const AT_FDCWD = -100;
const AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_PACKET = 17, AF_ALG = 38, AF_VSOCK = 40;
const STREAM = 1, DATAGRAM = 2, RAW = 3;

function address(port) {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint16(0, AF_INET, true);
  new DataView(bytes.buffer).setUint16(2, port);
  bytes.set([127, 0, 0, 1], 4);
  return bytes;
}
function connectUnix(path) {
  const socket = syscall("socket", AF_UNIX, STREAM, 0);
  const bytes = new Uint8Array(2 + path.length + 1);
  bytes[0] = AF_UNIX;
  bytes.set(new TextEncoder().encode(path), 2);
  // An abstract name has no end mark.
  const length = path.startsWith("\0") ? 2 + path.length : bytes.length;
  return socket >= 0 && works("connect", socket, bytes, length);
}
function connectTcp(port, protocol = 0) {
  const socket = syscall("socket", AF_INET, STREAM, protocol);
  return socket >= 0 && works("connect", socket, address(port), 16);
}
function sendInFirstPacket(port) {
  const MSG_FASTOPEN = 0x20000000;
  const socket = syscall("socket", AF_INET, STREAM, 0);
  return socket >= 0 && works("sendto", socket, "hi", 2, MSG_FASTOPEN, address(port), 16);
}
function readMemoryOf(pid) {
  const buffer = new Uint8Array(8);
  const maps = Deno.readTextFileSync(`/proc/${pid}/maps`);
  const start = BigInt("0x" + /^([0-9a-f]+)-[0-9a-f]+ r/m.exec(maps)[1]);
  const here = new BigUint64Array([word(buffer), 8n]);
  const there = new BigUint64Array([start, 8n]);
  return syscall("process_vm_readv", pid, here, 1, there, 1, 0) === 8;
}
function attach(pid) {
  const PTRACE_SEIZE = 0x4206, PTRACE_DETACH = 17;
  if (!works("ptrace", PTRACE_SEIZE, pid, 0, 0)) return false;
  syscall("ptrace", PTRACE_DETACH, pid, 0, 0);
  return true;
}
function forkBy(flags) {
  const SIGCHLD = 17;
  const pid = syscall("clone", flags | SIGCHLD, 0, 0, 0, 0);
  if (pid === 0) syscall("exit_group", 0);
  return pid > 0;
}
const execShell = (name, ...args) => {
  // Were it allowed, this program would be gone without its line of JSON.
  const argv = pointers("sh", "-c", "echo '{\"execShell\":true}'");
  return syscall(name, ...args.map((arg) => (arg === "argv" ? argv : arg))) === 0;
};
const raise = (pid) =>
  works("prlimit64", pid, 7, new BigUint64Array([BigInt(target.openFiles), 1n << 20n]), 0);
const lowerOf = (pid) => works("prlimit64", pid, 4, new BigUint64Array([0n, 0n]), 0);

const attacks = {
  readPasswd: () => Deno.readTextFileSync("/etc/passwd").length > 0,
  readSource: () => Deno.readTextFileSync(target.source).length > 0,
  listRoot: () => [...Deno.readDirSync("/")].length > 0,
  readSiblingFile: () => Deno.readTextFileSync(target.siblingFile).length > 0,
  listSiblings: () => [...Deno.readDirSync(target.runtimeDir)].length > 0,
  readParentEnviron: () => Deno.readTextFileSync(`/proc/${target.parent}/environ`).length > 0,
  readSiblingEnviron: () => Deno.readTextFileSync(`/proc/${target.sibling}/environ`).length > 0,
  readOwnEnviron: () => Deno.readTextFileSync("/proc/self/environ").length > 0,
  writeTemporary: () => (Deno.writeTextFileSync(target.temporaryFile, "x"), true),
  writeOwnDirectory: () => (Deno.writeTextFileSync("made", "x"), true),
  makeDirectory: () => (Deno.mkdirSync("folder"), true),
  makeLink: () => (Deno.symlinkSync("/etc", "link"), true),
  removeOwnFile: () => (Deno.removeSync("removable"), true),
  renameOwnFile: () => (Deno.renameSync("renamable", "renamed"), true),
  changeMode: () => (Deno.chmodSync("started", 0o777), true),
  changeTime: () => (Deno.utimeSync("started", 1, 1), true),
  fillFile: () => (Deno.writeFileSync("started", new Uint8Array(1 << 20)), true),
  watchFiles: () => works("inotify_init1", 0),
  handleOfFile: () => {
    const handle = new Uint8Array(136);
    handle[0] = 128;
    return works("name_to_handle_at", AT_FDCWD, "/etc/passwd", handle, new Uint8Array(8), 0);
  },
  ptraceParent: () => attach(target.parent),
  ptraceSibling: () => attach(target.sibling),
  readSiblingMemory: () => readMemoryOf(target.sibling),
  signalParent: () => works("kill", target.parent, 0),
  signalSibling: () => works("kill", target.sibling, 0),
  signalSiblingThread: () => works("tgkill", target.sibling, target.sibling, 0),
  holdSibling: () => works("pidfd_open", target.sibling, 0),
  limitSibling: () => lowerOf(target.sibling),
  slowSibling: () => works("setpriority", 0, target.sibling, 5),
  raiseOpenFiles: () => raise(0),
  becomeRoot: () => works("setresuid", 0, 0, 0) && Deno.uid() !== target.uid,
  changePersonality: () => works("personality", 0x0040000),
  newUserNamespace: () => forkBy(0x10000000),
  fork: () => forkBy(0),
  loadProgram: () =>
    works("bpf", 0, new Uint8Array(128), 72) || works("bpf", 5, new Uint8Array(128), 72),
  ioRing: () => works("io_uring_setup", 4, new Uint8Array(256)),
  keyring: () => works("keyctl", 0, -3, 1),
  faultHandler: () => works("userfaultfd", 1),
  performanceCounter: () => {
    const attributes = new Uint8Array(128);
    new DataView(attributes.buffer).setUint32(0, 1, true);
    new DataView(attributes.buffer).setUint32(4, 128, true);
    new DataView(attributes.buffer).setBigUint64(40, 0x60n, true);
    return works("perf_event_open", attributes, 0, -1, -1, 0);
  },
  anonymousFile: () => works("memfd_create", "x", 0),
  sharedMemory: () => works("shmget", 0x6f726c61, 4096, 0o1666),
  packetSocket: () => works("socket", AF_PACKET, RAW, 0),
  rawSocket: () => works("socket", AF_INET, RAW, 1),
  cryptoSocket: () => works("socket", AF_ALG, 5, 0),
  virtualSocket: () => works("socket", AF_VSOCK, STREAM, 0),
  ipv6Socket: () => works("socket", AF_INET6, STREAM, 0),
  datagramSocket: () => works("socket", AF_INET, DATAGRAM, 0),
  connectAnyPort: () => connectTcp(target.port),
  connectProxyPort: () => connectTcp(target.proxyPort),
  connectMultipath: () => connectTcp(target.port, 262),
  connectFastOpen: () => sendInFirstPacket(target.port),
  connectAbstract: () => connectUnix(`\0${target.abstractName}`),
  connectByPath: () => connectUnix(target.openSocket),
  listen: () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return listener.addr.port > 0;
  },
  startItself: () => new Deno.Command(Deno.execPath(), { args: ["-V"] }).outputSync().success,
  startShell: () => new Deno.Command("/bin/sh", { args: ["-c", "true"] }).outputSync().success,
};

function say(outcome) {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(outcome)}\n`));
}

const outcome = {};
for (const [name, attack] of Object.entries(attacks)) {
  try {
    outcome[name] = attack();
  } catch (error) {
    // The permissions are all given; without this a slip there would pass for a refusal.
    if (error instanceof Deno.errors.NotCapable) throw error;
    outcome[name] = false;
  }
}
say(outcome);

// Last, because success would replace this program.
execShell("execve", "/bin/sh", "argv", pointers());
execShell("execveat", target.openFiles, "/bin/sh", "argv", pointers(), 0x1000);
say({ execShell: false });
