/** Names of serial ports that stay with the hardware, since the kernel gives out `ttyACM0` in order of appearance. */
import { createHash } from "node:crypto";
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";

const byIdFolder = "/dev/serial/by-id";

/**
 * The name of the port behind a path: for a kernel name that of its link in /dev/serial/by-id, which carries the
 * adapter's serial number; else the path itself without `/dev/`, because whoever configured another link meant that.
 */
export async function portName(path: string, folder = byIdFolder): Promise<string> {
  const plain = path.replace(/^\/dev\/(serial\/by-id\/)?/, "");
  if (!/^\/dev\/tty[^/]*$/.test(path)) return plain;
  const links = await readdir(folder).catch(() => []);
  for (const link of links.sort()) {
    const target = await realpath(join(folder, link)).catch(() => undefined);
    if (target === path) return link;
  }
  return plain;
}

/** The device id of a board that is known by its port alone: `serial-ttyUSB0`. Fits src/registry/device.ts. */
export function portDeviceId(name: string, kind = "serial"): string {
  const plain = `${kind}-${name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^-+/, "")}`;
  if (plain.length <= 60) return plain;
  return `${plain.slice(0, 51)}-${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
}
