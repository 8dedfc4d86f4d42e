/** By which ways a gateway can be reached, and the links that go there. */
import type { Transport } from "../../src/ingest/upload.ts";
import { FciLink } from "../links/fci-link.ts";
import type { Link } from "../links/link.ts";
import { MqttLink } from "../links/mqtt-link.ts";
import { LorawanLink, type NetworkServer } from "../links/network-server.ts";
import { PtyLink } from "../links/pty-link.ts";
import { UdpLink } from "../links/udp-link.ts";
import type { Books } from "./books.ts";
import type { PlannedDevice } from "./plan.ts";

export interface Offer {
  /** Topic prefix. */
  readonly prefix: string;
  /** Address by transport. */
  readonly urls: Readonly<Partial<Record<Transport, string>>>;
  /** Where the gateway looks for boards: cables are laid there, one for each device on a serial port. */
  readonly serialPorts: readonly string[];
  /** Where the gateway comes for LoRaWAN uplinks. */
  readonly networkServer?: NetworkServer | undefined;
  readonly login?: Login | undefined;
  /** Over which it takes what is not signed. */
  readonly trusted: readonly string[];
}

/** MQTT user that may speak for any device: of role `relay`. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

const listenerTransports: Readonly<Record<string, Transport>> = {
  tcp: "mqtt",
  tls: "mqtts",
  ws: "ws",
  udp: "udp",
  mavlink: "mavlink",
  fci: "fci",
};

export function offerOf(
  listeners: readonly { readonly name: string; readonly url: string }[],
  prefix: string,
): Pick<Offer, "prefix" | "urls"> {
  const known = listeners.filter(({ name }) => Object.hasOwn(listenerTransports, name));
  return {
    prefix,
    urls: Object.fromEntries(known.map(({ name, url }) => [listenerTransports[name], url])),
  };
}

/** Why a gateway with this offer cannot be reached over a transport; undefined where it can. */
export function unreachable(
  { transport, model }: PlannedDevice,
  devices: number,
  { urls, serialPorts, networkServer, trusted }: Offer,
): string | undefined {
  if (!model.enrolment && !trusted.includes(transport)) return `ingest.trust has no ${transport}`;
  if (transport === "serial")
    return devices <= serialPorts.length ? undefined : `${devices} serial ports needed, ${serialPorts.length} at hand`;
  if (transport === "lorawan") return networkServer ? undefined : "no port to be its network server on";
  return urls[transport] === undefined ? `the gateway does not listen for ${transport}` : undefined;
}

/** @param port of the device among those on serial ports */
export function linkFor(
  { id, transport, model }: PlannedDevice,
  port: number,
  { offer, books, nowMs }: { offer: Offer; books: Books; nowMs: () => number },
): Link {
  const hear = (bytes: Uint8Array) => model.hear?.(bytes, nowMs()) ?? [];
  if (transport === "serial") return new PtyLink({ deviceId: id, path: offer.serialPorts[port]!, books, hear });
  if (transport === "udp" || transport === "mavlink")
    return new UdpLink({ deviceId: id, transport, url: offer.urls[transport]!, books, hear });
  if (transport === "fci") return new FciLink({ deviceId: id, url: offer.urls.fci!, books, hear });
  if (transport === "lorawan") return new LorawanLink({ deviceId: id, server: offer.networkServer!, books });
  const { prefix, login } = offer;
  return new MqttLink({ deviceId: id, transport, url: offer.urls[transport]!, prefix, login, books, hear });
}
