/**
 * Where a version's further instances come from: one that is spare, a blank one that is ready, or one
 * that has to be started first. Within MAX_INSTANCES, and not while instances keep failing.
 */
import { OrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "../functions/function.ts";
import type { Backoff } from "./backoff.ts";
import type { Instance } from "./instance.ts";
import type { InstanceOwner } from "./instance-owner.ts";
import type { InstanceSet, Role } from "./instance-set.ts";
import type { PoolServices, Urgency } from "./pool-services.ts";
import { NO_INSTANCES, type PoolSize, poolSizeOf } from "./pool-size.ts";
import { Tenure } from "./tenure.ts";
import { overloaded } from "./waiting-calls.ts";

interface InstanceSupplyOptions {
  readonly version: FunctionVersion;
  readonly services: PoolServices;
  readonly set: InstanceSet;
  readonly backoff: Backoff;
  readonly owner: InstanceOwner;
  readonly size: () => PoolSize;
  readonly waiting: () => number;
  /** One that was ordered for no waiting call has come: whether it is wanted still. */
  readonly isWanted: (role: Role) => boolean;
  /** An ordered one has come, or, with the reason, has not. */
  readonly arrived: (error: OrlaError | undefined) => void;
}

export class InstanceSupply {
  readonly #options: InstanceSupplyOptions;
  #closed = false;

  constructor(options: InstanceSupplyOptions) {
    this.#options = options;
  }

  /** Whether MAX_INSTANCES and failures allow another. */
  get mayGrow(): boolean {
    const { version, set, size } = this.#options;
    const { most } = size() === NO_INSTANCES ? poolSizeOf(version.options) : size();
    return set.size < most && this.#mayStart;
  }

  /** For a call that waits. */
  now(): Instance | undefined {
    const { set, services } = this.#options;
    const spare = set.takeSpare();
    if (spare !== undefined || !this.mayGrow) return spare;
    const instance = services.takeBlank();
    if (instance !== undefined) this.#adopt(instance, "serving");
    return instance;
  }

  /** Orders as many as the waiting calls need. */
  orderForCalls(): void {
    const { version: { options: { concurrency } }, set: { ordered }, waiting } = this.#options;
    while (waiting() > ordered.serving * concurrency && this.mayGrow) {
      if (!this.#request("serving", "call", false)) return;
    }
  }

  /** What the options want to be there. Returns whether one may come. */
  provide(role: Role): boolean {
    return this.#mayStart && this.#request(role, role === "serving" ? "soon" : "later", false);
  }

  /** One that is kept whatever has changed when it comes, while the version is in use. */
  order(urgency: Urgency): boolean {
    return this.mayGrow && this.#request("serving", urgency, true);
  }

  /** What to tell a call that has waited in vain. */
  refusal(): OrlaError {
    const full = this.#options.services.whyFull();
    // Its own limit is nearer than the node's.
    if (full === undefined || !this.mayGrow) return overloaded("No instance came free in time");
    return overloaded(`No room for another instance: ${full}`, "Retry later.");
  }

  close(): void {
    this.#closed = true;
  }

  get #mayStart(): boolean {
    const { backoff, services: { clock } } = this.#options;
    return !this.#closed && backoff.blockedBy(clock.now()) === undefined;
  }

  #request(role: Role, urgency: Urgency, inAnyCase: boolean): boolean {
    const { set: { ordered }, services, waiting, isWanted, size, arrived } = this.#options;
    ordered[role]++;
    const comes = services.requestBlank(urgency, (taken) => {
      ordered[role]--;
      if (taken instanceof OrlaError) return arrived(taken);
      if (this.#closed) services.giveBack(taken);
      else if (waiting() > 0) this.#adopt(taken, "serving");
      else if (isWanted(role) || (inAnyCase && size() !== NO_INSTANCES)) this.#adopt(taken, role);
      else services.giveBack(taken);
      arrived(undefined);
    });
    if (!comes) ordered[role]--;
    return comes;
  }

  #adopt(instance: Instance, role: Role): void {
    const { version, services, set, owner } = this.#options;
    const { memoryMb, cpuLimitPercent } = version.options;
    const tenure = new Tenure({
      now: services.clock.now(),
      maxAgeMs: services.maxAgeMs,
      cpuMs: () => services.cpuMsOf(instance.pid),
      memoryUsedMb: () => instance.memoryUsedMb,
      ...{ memoryMb, cpuLimitPercent },
    });
    set.add(instance, role, tenure);
    instance.assign(version, owner);
  }
}
