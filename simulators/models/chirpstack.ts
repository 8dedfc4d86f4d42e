/** An uplink as ChirpStack v4's MQTT integration tells it. */
import type { DeviceContext } from "./model.ts";

/** @param counter of the device's uplinks since it joined */
export function chirpstackUplink(
  { id, mac, epochMs, random }: DeviceContext,
  counter: number,
  data: Uint8Array,
): Uint8Array {
  const devEui = `${mac.slice(0, 6)}fffe${mac.slice(6)}`;
  const heard = (gatewayId: string, rssi: number) => ({
    gatewayId,
    rssi: rssi - random.below(12),
    snr: Math.round(random.between(-60, 90)) / 10,
  });
  const uplink = {
    deduplicationId: uuidOf(random.bytes(16)),
    deviceInfo: { applicationId: "17c82e96", applicationName: "field", deviceName: id, devEui },
    // It joined when the run began.
    devAddr: (0x0100_0000 + (Math.floor(epochMs / 1000) % 0x0100_0000)).toString(16).padStart(8, "0"),
    fCnt: counter,
    fPort: 2,
    confirmed: false,
    data: Buffer.from(data).toString("base64"),
    rxInfo: [heard("0016c001f153a14c", -92), ...(random.chance(0.4) ? [heard("0016c001f153a14d", -108)] : [])],
    txInfo: {
      frequency: 868_100_000 + 200_000 * random.below(3),
      modulation: { lora: { bandwidth: 125_000, spreadingFactor: 7 + random.below(3), codeRate: "CR_4_5" } },
    },
  };
  return new TextEncoder().encode(JSON.stringify(uplink));
}

function uuidOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
