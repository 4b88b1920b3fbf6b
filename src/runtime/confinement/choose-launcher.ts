/**
 * Finds the strongest confinement that works here by trying it, and says what is missing. Nothing is
 * required: on a machine that offers nothing functions run with Deno's permissions alone.
 */
import { writeBootstrap } from "../bootstrap-script.ts";
import { DenoLauncher, type Launcher } from "../launcher.ts";
import { ConfinedLauncher, type ConfinedLauncherOptions } from "./confined-launcher.ts";
import { findDenoFiles } from "./deno-files.ts";
import { LauncherProcess } from "./launcher-process.ts";
import type { Findings } from "./launcher-messages.ts";
import {
  type Arrangement,
  reportOf,
  type SandboxReport,
  unconfinedReport,
} from "./sandbox-report.ts";

export interface ChooseLauncherOptions {
  readonly denoPath: string;
  /** A directory of ours alone, with a short path, that other users may pass through. */
  readonly runtimeDir: string;
  /** The egress proxy's port on loopback; by default there is no way out. */
  readonly egressPort?: number;
  /** Off by default: joining one takes 5 to 15 ms of waiting at every start. */
  readonly cgroups?: boolean;
  /** Ids that belong to nobody else on this machine. */
  readonly uids?: UidRange;
  readonly log: { warn(message: string, fields?: Readonly<Record<string, unknown>>): void };
  /** Leaves out mechanisms that would work, to see what holds without them. */
  readonly without?: Partial<Arrangement>;
  readonly pythons?: readonly string[];
}

export interface ChosenLauncher extends AsyncDisposable {
  readonly launcher: Launcher;
  readonly report: SandboxReport;
  /** What was found to work, for other launchers too. */
  readonly arrangement: Arrangement;
  /** Ids that this launcher leaves to them. */
  readonly otherUids: UidRange;
}

interface UidRange {
  readonly first: number;
  readonly last: number;
}

/** Above the ids that distributions give to people and containers' common sub-id ranges begin at 100000. */
const DEFAULT_UIDS = { first: 200_000, last: 265_535 };

const NOTHING: Arrangement = { seccomp: false, landlock: false, ownUser: false, cgroup: false };

/** It takes 20 ms. */
const TRIAL_TIMEOUT_MS = 10_000;

/** Connects as an instance does. */
const TRIAL = `
  await Deno.connect({ transport: "unix", path: "socket" });
  console.log("it works");
`;

export async function chooseLauncher(options: ChooseLauncherOptions): Promise<ChosenLauncher> {
  const { denoPath, runtimeDir, log, cgroups = false } = options;
  const egressPort = options.egressPort ?? null;
  const [uids, otherUids] = halves(options.uids ?? DEFAULT_UIDS);
  const bootstrap = await writeBootstrap(`${runtimeDir}/bootstrap`);
  const plain = (report: SandboxReport): ChosenLauncher => ({
    launcher: new DenoLauncher({ denoPath, bootstrap, egressPort }),
    report,
    arrangement: NOTHING,
    otherUids,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  if (Deno.build.os !== "linux") {
    return plain(unconfinedReport(`it exists for Linux, not for ${Deno.build.os}`, "use Linux"));
  }
  await using started = new AsyncDisposableStack();
  const launcher = started.use(
    new LauncherProcess({
      runtimeDir,
      uids: Deno.uid() === 0 ? uids : null,
      cgroups,
      onProblem: (message) => log.warn(message),
      ...options.pythons === undefined ? {} : { pythons: options.pythons },
    }),
  );
  let findings: Findings;
  try {
    findings = await launcher.probe(Deno.uid() === 0 ? uids.first : null);
  } catch (error) {
    return plain(unconfinedReport(messageOf(error), "install python3, 3.8 or newer"));
  }
  const denoFiles = await findDenoFiles(denoPath);
  const attempts = arrangementsToTry(findings, cgroups, options.without ?? {});
  if (attempts.length === 0) return plain(reportOf(findings, NOTHING));
  let failure: string | undefined;
  for (const used of attempts) {
    const confined = {
      launcher,
      denoPath,
      denoFiles,
      bootstrap,
      egressPort,
      ownUser: used.ownUser,
      confine: used,
    } satisfies ConfinedLauncherOptions;
    const problem = await tryOut(confined, `${runtimeDir}/trial`);
    if (problem === undefined) {
      const owned = started.move();
      const found = failure === undefined ? findings : { ...findings, ownUser: failure };
      return {
        launcher: new ConfinedLauncher(confined),
        report: reportOf(found, used),
        arrangement: used,
        otherUids,
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      };
    }
    failure = problem;
  }
  return plain(
    unconfinedReport(
      failure ?? "nothing works here",
      "see docs/security.md on what a container needs",
    ),
  );
}

function halves({ first, last }: UidRange): [UidRange, UidRange] {
  const middle = Math.floor((first + last) / 2);
  return [{ first, last: middle }, { first: middle + 1, last }];
}

/** Own users are given up first: they fail where others may not reach our files. */
function arrangementsToTry(
  { machine, noNewPrivileges, seccomp, landlock, ownUser, cgroup }: Findings,
  cgroups: boolean,
  without: Partial<Arrangement>,
): Arrangement[] {
  const privileges = noNewPrivileges === null && machine === null;
  const wanted: Arrangement = {
    seccomp: privileges && seccomp === null && without.seccomp !== true,
    landlock: privileges && landlock === null && without.landlock !== true,
    ownUser: ownUser === null && without.ownUser !== true,
    cgroup: cgroup.works && cgroups,
  };
  if (!wanted.seccomp && !wanted.landlock && !wanted.ownUser && !wanted.cgroup) return [];
  return wanted.ownUser ? [wanted, { ...wanted, ownUser: false }] : [wanted];
}

/** Starts a real Deno under all of it. Returns why it does not work. */
async function tryOut(
  options: ConfinedLauncherOptions,
  directory: string,
): Promise<string | undefined> {
  await Deno.mkdir(directory, { mode: 0o700 });
  const words: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const main = `${directory}/trial.js`;
    await Deno.writeTextFile(main, TRIAL, { mode: 0o644 });
    using _channel = Deno.listen({ transport: "unix", path: `${directory}/socket` });
    const trial = new ConfinedLauncher({ ...options, bootstrap: main });
    const process = await trial.launch({ directory, onLine: (_, line) => void words.push(line) });
    timer = setTimeout(() => process.kill(), TRIAL_TIMEOUT_MS);
    const { code, signal } = await process.exited;
    if (code === 0 && words[0] === "it works") return undefined;
    return `Deno ends with ${signal ?? code} under it: ${words.join(" ")}`;
  } catch (error) {
    return messageOf(error);
  } finally {
    clearTimeout(timer);
    await Deno.remove(directory, { recursive: true });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
