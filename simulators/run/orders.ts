/** The commands of a scenario: given by the gateway's API while the devices live, and compared with what was to come of them. */
import type { Link } from "../links/link.ts";
import type { GivenCommand } from "../scenario/schema.ts";
import type { GatewayApi } from "./gateway-api.ts";
import type { PlannedDevice } from "./plan.ts";
import type { Check } from "./verdict.ts";

export interface Player {
  readonly device: PlannedDevice;
  readonly link: Link;
}

const againMs = 500;

/**
 * A device that is away, or goes while it is at it, is told again.
 * @param player undefined where the group cannot be reached by this gateway
 * @param patienceMs real time for all attempts
 */
export async function give(
  api: GatewayApi,
  { cmd, params, state, group }: GivenCommand,
  player: Player | undefined,
  patienceMs: number,
): Promise<Check[]> {
  if (!player) return [];
  const name = `${cmd} to ${group} ${state}`;
  let detail = "the gateway does not know the device";
  for (const started = performance.now(); performance.now() - started < patienceMs; ) {
    const deviceId = await gatewayId(api, player);
    const seen = deviceId === undefined ? undefined : await api.command(deviceId, { cmd, params });
    if (seen) detail = `${seen.state}: ${seen.message}`;
    if (seen?.state === state) return [{ name, ok: true, detail }];
    await new Promise((resolve) => setTimeout(resolve, againMs));
  }
  return [{ name, ok: false, detail }];
}

/** Boards that nobody enrolled are named by the gateway, after what it knows of them: so it is asked by the port. */
async function gatewayId(api: GatewayApi, { device, link }: Player): Promise<string | undefined> {
  const devices = await api.devices();
  const byPort = devices.find(({ transport }) => link.place !== undefined && transport === `serial:${link.place}`);
  const own = devices.find(({ id }) => id === device.id || id === device.model.gatewayId);
  return (byPort ?? own)?.id;
}
