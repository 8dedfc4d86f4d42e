import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { GatewayError } from "../../src/errors.ts";

/** Write a small file so that a crash leaves the old one or the new one, whole. Makes its folder where needed. @throws GatewayError DATA_DIR_UNUSABLE */
export function writeFileDurably(file: string, text: string, mode: number): void {
  const folder = dirname(file);
  const draft = `${file}.new`;
  try {
    mkdirSync(folder, { recursive: true });
    withFile(draft, "w", mode, (fd) => {
      writeSync(fd, text);
      fsyncSync(fd);
    });
    renameSync(draft, file);
    withFile(folder, "r", undefined, fsyncSync);
  } catch (cause) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

function withFile(name: string, flags: string, mode: number | undefined, use: (fd: number) => void): void {
  const fd = openSync(name, flags, mode);
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}
