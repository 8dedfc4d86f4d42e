/** CRC-16/CCITT-FALSE, which MDP appends to a packet low byte first. wire-facts §1.1 */
import { mdp } from "../../protocol/spec.ts";

const table = Uint16Array.from({ length: 256 }, (_, index) => {
  let crc = index << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ mdp.crc.polynomial : crc << 1;
  return crc;
});

/** Of `bytes` from `start` up to `end`. */
export function crc16(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc: number = mdp.crc.initial;
  for (let at = start; at < end; at++) crc = ((crc << 8) & 0xffff) ^ table[(crc >> 8) ^ bytes[at]!]!;
  return crc;
}
