import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { projectRoot } from "../project-root.ts";

export interface LoadResult {
  readonly acked: number;
  readonly seconds: number;
  /** PUBACK latency in ms, counted from when the message was due. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoadPlan {
  readonly port: number;
  readonly messages: number;
  /** 0: as fast as the window lets it. */
  readonly perSecond: number;
  /** Unacknowledged messages per connection. */
  readonly window: number;
}

/** The generator of simulators/load.ts in a process of its own: it shares the machine with the gateway, not its threads. */
export class LoadGenerator {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Start a generator of so many devices, a connection each. */
  static async prepare(plan: { connections: number; readings: number; prefix: string }): Promise<{
    generator: LoadGenerator;
    devices: readonly { id: string; publicKey: string }[];
  }> {
    const child = fork(`${projectRoot}dist/simulators/load.js`, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      execArgv: ["--expose-gc"],
    });
    const generator = new LoadGenerator(child);
    const prepared = await generator.#ask<{ devices: { id: string; publicKey: string }[] }>({
      type: "prepare",
      ...plan,
    });
    return { generator, devices: prepared.devices };
  }

  /** Sign so many more messages ahead of the runs that send them. */
  async sign(messages: number): Promise<void> {
    await this.#ask({ type: "sign", messages });
  }

  run(plan: LoadPlan): Promise<LoadResult> {
    return this.#ask({ type: "run", ...plan });
  }

  end(): void {
    if (this.#child.connected) this.#child.send({ type: "end" });
  }

  async #ask<Reply>(request: object): Promise<Reply> {
    const answered = new AbortController();
    const { signal } = answered;
    this.#child.send(request);
    try {
      const [reply] = await Promise.race([
        once(this.#child, "message", { signal }),
        once(this.#child, "exit", { signal }).then(([code]) => {
          throw new Error(`the load generator ended with code ${code}`);
        }),
      ]);
      return reply as Reply;
    } finally {
      answered.abort();
    }
  }
}
