import { join } from "node:path";
import { type FilePort, isDiskFull } from "./file-port.ts";

/** More than the frames that may be waiting, so that a disk does not swing between full and not. */
const probeBytes = 4 * 2 ** 20;

export interface SpaceWatchOptions {
  readonly files: FilePort;
  readonly dir: string;
  readonly intervalMs: number;
  /** Writes first what a full disk held back. @returns false while there is no room for that */
  readonly catchUp: () => Promise<boolean>;
  readonly onSpace: () => void;
  /** The disk has failed in another way than being full. */
  readonly onFailure: (error: unknown) => void;
}

/** Looks for space from time to time after a disk was full: by writing some, because free-space figures know no quotas. */
export class SpaceWatch {
  readonly #options: SpaceWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #ended = false;

  constructor(options: SpaceWatchOptions) {
    this.#options = options;
  }

  /** Until `onSpace` or `onFailure` is called, once. */
  begin(): void {
    if (this.#ended) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look();
    }, this.#options.intervalMs);
  }

  /** Calls nothing any more. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { catchUp, onSpace, onFailure } = this.#options;
    try {
      const hasSpace = (await this.#takesData()) && (await catchUp());
      if (this.#ended) return;
      if (hasSpace) onSpace();
      else this.begin();
    } catch (error) {
      onFailure(error);
    }
  }

  async #takesData(): Promise<boolean> {
    const { files, dir } = this.#options;
    const path = join(dir, "space.probe");
    try {
      const file = await files.open(path, "replace");
      try {
        await file.write([Buffer.alloc(probeBytes)], 0);
      } finally {
        await file.close();
        await files.unlink(path);
      }
      return true;
    } catch (error) {
      if (isDiskFull(error)) return false;
      throw error;
    }
  }
}
