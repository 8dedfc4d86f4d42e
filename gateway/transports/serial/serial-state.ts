import type { DependencyState } from "../../http/services.ts";
import type { SerialPortStatus } from "./board-port.ts";

/** The ports as one line of `/readyz`. A port that is away takes nothing from the rest, so it is never "down". */
export function serialState(ports: readonly SerialPortStatus[]): DependencyState {
  if (ports.length === 0) return { status: "off", detail: "no serial port configured" };
  const away = ports.filter(({ open }) => !open).map(({ path, error }) => `${path}: ${error ?? "closed"}`);
  const detail = [`${ports.length - away.length} of ${ports.length} open`, ...away].join("; ");
  return { status: away.length === 0 ? "ok" : "degraded", detail };
}
