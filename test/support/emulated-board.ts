/** firmware-shim/examples/cortex-m-mps2 on an emulated Cortex-M3. The board's flash is a file, and its log another. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { compile, filesIn, librarySources } from "./firmware.ts";
import type { LibsodiumSource } from "./libsodium.ts";

const cpu = ["-mcpu=cortex-m3", "-mthumb", "-Os", "-ffunction-sections", "-fdata-sections"];
const strict = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror".split(" ");
const example = "examples/cortex-m-mps2";
const flashBytes = 16 * 1024 * 1024;
const erased = 0xff;

/** @returns the image's path */
export function buildImage(folder: string, sodium: LibsodiumSource): string {
  const image = join(folder, "board.elf");
  compile("arm-none-eabi-gcc", [...cpu, ...sodium.flags, "-c", ...sodium.files], folder);
  const own = [...filesIn(example, ".c"), ...librarySources];
  const objects = sodium.files.map((file) => join(folder, file.replace(/^.*\/(.*)\.c$/, "$1.o")));
  const link = ["-nostartfiles", "--specs=nosys.specs", "-Wl,--gc-sections", "-T", `${example}/link.ld`];
  compile("arm-none-eabi-gcc", [
    ...cpu,
    ...strict,
    "-isystem",
    sodium.include,
    ...own,
    ...objects,
    ...link,
    "-o",
    image,
  ]);
  return image;
}

/** board_identity of examples/cortex-m-mps2/board.h */
export interface BoardIdentity {
  readonly deviceId: string;
  readonly seed: Uint8Array;
  readonly receiptKey: Uint8Array;
  readonly intervalMs: number;
}

export class EmulatedBoard {
  readonly #image: string;
  readonly #folder: string;
  #qemu: ChildProcess | undefined;
  #starts = 0;

  /** A new board: flash as the factory leaves it. */
  constructor(image: string, folder: string, { deviceId, seed, receiptKey, intervalMs }: BoardIdentity) {
    this.#image = image;
    this.#folder = folder;
    const page = Buffer.alloc(4096, erased);
    page.write("MYP1", "latin1");
    page.writeUInt32LE(0xffff_ffff, 4);
    page.writeUInt32LE(intervalMs, 8);
    page.set(seed, 12);
    page.set(receiptKey, 44);
    page.write(`${deviceId}\0`, 76, "latin1");
    writeFileSync(this.#flash, Buffer.concat([page, Buffer.alloc(flashBytes - page.length, erased)]));
  }

  get #flash(): string {
    return join(this.#folder, "flash");
  }

  /** Where the board's serial port is plugged in; leads nowhere while the board is off. */
  get port(): string {
    return join(this.#folder, "board");
  }

  /** What it has said about itself since it was new, line by line. */
  get log(): string[] {
    return Array.from({ length: this.#starts }, (_, at) => readFileSync(this.#logFile(at), "utf8"))
      .join("")
      .split("\n")
      .slice(0, -1);
  }

  /** Power on. */
  async start(): Promise<void> {
    const log = this.#logFile(this.#starts++);
    writeFileSync(log, "");
    const qemu = spawn(
      "qemu-system-arm",
      [
        ...["-machine", "mps2-an385,memory-backend=flash", "-display", "none", "-monitor", "none"],
        ...["-object", `memory-backend-file,id=flash,size=16M,mem-path=${this.#flash},share=on`],
        ...["-chardev", "pty,id=host", "-serial", "chardev:host", "-serial", `file:${log}`],
        ...["-kernel", this.#image],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#qemu = qemu;
    let said = "";
    const plugged = new Promise<string>((resolve, reject) => {
      const listen = (text: Buffer): void => {
        said += text;
        const path = /redirected to (\S+)/.exec(said)?.[1];
        if (path !== undefined) resolve(path);
      };
      qemu.stdout.on("data", listen);
      qemu.stderr.on("data", listen);
      qemu.once("exit", () => reject(new Error(`the emulator ended: ${said}`)));
    });
    const path = await plugged;
    rmSync(this.port, { force: true });
    symlinkSync(path, this.port);
  }

  /** Its last reading is to be this one, also while it is on. */
  measureUntil(seq: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(seq);
    const file = openSync(this.#flash, "r+");
    writeSync(file, bytes, 0, bytes.length, 4);
    closeSync(file);
  }

  /** Power off, in the middle of whatever it does. */
  async kill(): Promise<void> {
    const qemu = this.#qemu;
    this.#qemu = undefined;
    if (qemu === undefined || qemu.exitCode !== null) return;
    const gone = once(qemu, "exit");
    qemu.kill("SIGKILL");
    await gone;
    rmSync(this.port, { force: true });
  }

  #logFile(start: number): string {
    return join(this.#folder, `log-${start}`);
  }
}
