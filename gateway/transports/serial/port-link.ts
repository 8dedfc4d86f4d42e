/**
 * A serial port that is kept open: a port that is missing at start, or goes away, is opened again with growing waits
 * for as long as the gateway runs.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SerialPort } from "serialport";
import type { PortAddress } from "./config.ts";
import { deviceAt, watchDevice } from "./port-watch.ts";
import type { SerialLog } from "./serial-registry.ts";

const watchMs = 250;

export interface PortLinkOptions {
  readonly address: Pick<PortAddress, "path" | "baud">;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  readonly log: SerialLog;
  readonly onOpen: () => Promise<void>;
  readonly onData: (chunk: Uint8Array) => void;
  readonly onLost: () => void;
}

export class PortLink {
  readonly #options: PortLinkOptions;
  readonly #stopping = new AbortController();
  #port: SerialPort | undefined;
  #error: string | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PortLinkOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#port?.isOpen ?? false;
  }

  /** Why the port is not open, in the operating system's words. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Resolves after the first attempt, whatever came of it. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#running = this.#keepOpen(resolve);
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  write(bytes: Uint8Array): void {
    // A failed write closes the port, which is reported there.
    if (this.isOpen) this.#port!.write(bytes);
  }

  pause(): void {
    this.#port?.pause();
  }

  resume(): void {
    this.#port?.resume();
  }

  async #keepOpen(attempted: () => void): Promise<void> {
    const { reconnectMinMs, reconnectMaxMs, onLost } = this.#options;
    const { signal } = this.#stopping;
    let waitMs = reconnectMinMs;
    while (!signal.aborted) {
      const opened = await this.#open();
      attempted();
      if (opened) {
        waitMs = reconnectMinMs;
        const cause = await opened.closed;
        this.#port = undefined;
        onLost();
        if (!signal.aborted) this.#report(cause);
      }
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, Math.max(reconnectMinMs, reconnectMaxMs));
    }
  }

  /** @returns `closed` settles with the cause when the port has closed again; undefined if it could not be opened */
  async #open(): Promise<{ readonly closed: Promise<string> } | undefined> {
    const { address, log, onOpen, onData } = this.#options;
    const { signal } = this.#stopping;
    // Dropping DTR at every close would reset the many boards that have it wired to their reset line.
    const port = new SerialPort({ path: address.path, baudRate: address.baud, autoOpen: false, hupcl: false });
    let device: number | undefined;
    try {
      device = await deviceAt(address.path);
      await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
    } catch (error) {
      this.#report((error as Error).message);
      return undefined;
    }
    const close = (): void => void (port.isOpen && port.close());
    const stopWatching = device === undefined ? undefined : watchDevice(address.path, device, watchMs, close);
    signal.addEventListener("abort", close, { once: true });
    const closed = new Promise<string>((resolve) => {
      port.once("close", (error?: Error | null) => resolve(error?.message ?? "the device is gone"));
      // A failed read or write closes the port by itself; whatever else fails, a close included, must not leave it half open.
      port.on("error", (error) => (port.isOpen ? port.close() : resolve(error.message)));
    }).finally(() => {
      stopWatching?.();
      signal.removeEventListener("abort", close);
    });
    if (signal.aborted) close();
    this.#port = port;
    this.#error = undefined;
    await onOpen();
    port.on("data", onData);
    log.info({ path: address.path, baud: address.baud }, "serial port open");
    return { closed };
  }

  /** Once for each way of failing, not once for each attempt. */
  #report(error: string): void {
    if (this.#error === error) return;
    this.#error = error;
    this.#options.log.warn(
      { path: this.#options.address.path, error, code: "SERIAL_PORT_LOST" },
      "serial port not open; trying again",
    );
  }
}
