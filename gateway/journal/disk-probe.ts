import { join } from "node:path";
import { type FilePort, isDiskFull } from "./file-port.ts";

/** More than the frames that may be waiting, so that a disk does not swing between full and not. */
const probeBytes = 4 * 2 ** 20;

/** Whether the file system takes data again: by writing some, because free-space figures know no quotas. */
export async function probeSpace(files: FilePort, dir: string): Promise<boolean> {
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
