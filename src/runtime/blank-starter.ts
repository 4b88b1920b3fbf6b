/** Starts blank instances of each kind, and knows all that are not gone. */
import { BlankPool } from "./blank-pool.ts";
import { Instance } from "./instance.ts";
import type { InstanceKind } from "./instance-kind.ts";
import { startInstance } from "./instance-start.ts";
import { LauncherLost } from "./launcher.ts";
import type { Limiter, ProcessHold } from "./limits.ts";
import type { NodeRoom } from "./node-room.ts";
import type { RuntimeOptions } from "./runtime.ts";

interface BlankStarterOptions extends
  Pick<
    Required<RuntimeOptions>,
    "runtimeDir" | "clock" | "log" | "reaper" | "hostServices" | "egress"
  > {
  readonly limiter: Limiter;
  readonly room: NodeRoom;
}

export class BlankStarter {
  /** All whose process or directory is still there. */
  readonly instances = new Set<Instance>();
  readonly #options: BlankStarterOptions;
  #started = 0;
  #stopping = false;

  constructor(options: BlankStarterOptions) {
    this.#options = options;
  }

  openPool(kind: InstanceKind): BlankPool {
    const { clock, log, room } = this.#options;
    return new BlankPool({
      size: kind.poolSize,
      clock,
      // A launcher that died says nothing about the next one, which the next start brings up.
      start: (onSpawn) =>
        this.#start(kind, onSpawn).catch((error) => {
          if (!(error instanceof LauncherLost) || this.#stopping) throw error;
          return this.#start(kind, onSpawn);
        }),
      mayExceed: () => room.hasPlenty,
      onError: ({ message, detail }) => log.warn(message, { detail }),
    });
  }

  /** A launcher that ends now ends for good. */
  stopping(): void {
    this.#stopping = true;
  }

  async #start(
    { launcher, maxFileBytes, hasScratch }: InstanceKind,
    onSpawn: (hold: ProcessHold | null) => void,
  ): Promise<Instance> {
    const { runtimeDir, clock, log, reaper, limiter, room, hostServices, egress } = this.#options;
    const id = `i${++this.#started}`;
    const directory = `${runtimeDir}/${id}`;
    const born: { instance?: Instance } = {};
    const started = await startInstance({
      directory,
      launcher,
      onSpawn: ({ pid, exited }) => {
        reaper.watch(pid, "KILL");
        exited.then(() => reaper.release(pid));
        onSpawn(limiter.hold(pid));
      },
      onLine: (stream, line) => {
        if (born.instance !== undefined) born.instance.printed(stream, line);
        else log.warn("a starting instance wrote", { instance: id, line });
      },
    });
    const instance = new Instance({
      ...{ id, directory, maxFileBytes, hasScratch, limiter, clock, started, hostServices, egress },
    });
    born.instance = instance;
    this.instances.add(instance);
    room.started(instance);
    instance.gone.then(() => {
      this.instances.delete(instance);
      room.ended(instance);
    });
    return instance;
  }
}
