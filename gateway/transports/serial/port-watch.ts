/** Notices that a device file is gone, which the serial driver does not always tell. */
import { stat } from "node:fs/promises";

/**
 * The number of the device that a path leads to; to be asked before the path is opened.
 * @returns undefined on Windows, where ports are no files
 * @throws Error if there is no device
 */
export async function deviceAt(path: string): Promise<number | undefined> {
  if (process.platform === "win32") return undefined;
  const file = await stat(path);
  if (!file.isCharacterDevice()) throw new Error(`${path} is no serial port`);
  return file.rdev;
}

/**
 * Call `onGone` when `path` no longer leads to `device`. On Linux a cable that is pulled while data flows ends reads with
 * 0 bytes, and the binding then reads again for ever (bindings-cpp #162) instead of closing.
 * @returns stops watching
 */
export function watchDevice(path: string, device: number, intervalMs: number, onGone: () => void): () => void {
  const check = async (): Promise<void> => {
    if ((await deviceAt(path).catch(() => undefined)) !== device) onGone();
  };
  const timer = setInterval(() => void check(), intervalMs);
  return () => clearInterval(timer);
}
