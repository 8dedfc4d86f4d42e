/** A pseudo-terminal with a real slave path, as a board on a cable. Needs python3, since Node has no pty of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { symlinkSync, unlinkSync } from "node:fs";

const script = `
import os, pty, select, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
os.write(2, os.ttyname(slave).encode() + b"\\n")
while True:
    for fd in select.select([0, master], [], [])[0]:
        data = os.read(fd, 65536)
        if not data:
            sys.exit()
        out = master if fd == 0 else 1
        while data:
            data = data[os.write(out, data):]
`;

export class Pty {
  /** The slave, `/dev/pts/…`. */
  readonly path: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #links: string[] = [];
  #received = Buffer.alloc(0);

  private constructor(path: string, child: ChildProcessWithoutNullStreams) {
    this.path = path;
    this.#child = child;
    child.stdout.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
  }

  static async open(): Promise<Pty> {
    const child = spawn("python3", ["-c", script]);
    const [line] = (await once(child.stderr, "data")) as [Buffer];
    return new Pty(line.toString().trim(), child);
  }

  /** What the other side has written since the beginning. */
  get received(): Buffer {
    return this.#received;
  }

  /** Let a fixed path lead here, as udev does for a board that is plugged in again. */
  linkAs(path: string): void {
    symlinkSync(this.path, path);
    this.#links.push(path);
  }

  write(bytes: Uint8Array | string): void {
    this.#child.stdin.write(bytes);
  }

  /** Pull the cable. */
  async close(): Promise<void> {
    for (const link of this.#links.splice(0)) unlinkSync(link);
    if (this.#child.exitCode !== null) return;
    this.#child.stdin.end();
    await once(this.#child, "exit");
  }
}
