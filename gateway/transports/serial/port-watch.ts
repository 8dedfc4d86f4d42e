/** Notices that a device file is gone, which the serial driver does not always tell. */
import { stat } from "node:fs/promises";

/**
 * Call `onGone` once if `path` no longer leads to the device that it leads to now. On Linux a cable that is pulled while
 * data flows ends reads with 0 bytes, and the binding then reads again for ever (bindings-cpp #162) instead of closing.
 * Systems whose ports are no files are not watched.
 * @returns stops watching
 */
export function watchPort(path: string, intervalMs: number, onGone: () => void): () => void {
  const opened = deviceNumber(path);
  const check = async (): Promise<void> => {
    const before = await opened;
    if (before === undefined || (await deviceNumber(path)) === before) return;
    clearInterval(timer);
    onGone();
  };
  const timer = setInterval(() => void check(), intervalMs);
  return () => clearInterval(timer);
}

async function deviceNumber(path: string): Promise<number | undefined> {
  const device = await stat(path).catch(() => undefined);
  return device?.isCharacterDevice() ? device.rdev : undefined;
}
