/**
 * Time on air of a LoRa packet. Semtech SX1276/77/78/79 data sheet rev. 7, §4.1.1.6 and .7; the SX1262 data sheet §6.1.4 gives
 * the same for spreading factors from 7 on.
 */

export interface LoraModulation {
  /** 6 … 12 */
  readonly spreadingFactor: number;
  readonly bandwidthHz: number;
  /** 5 … 8, for 4/5 … 4/8. */
  readonly codingRate: number;
  readonly preambleSymbols: number;
}

/** Side-B and the LoRa gateway: the radio library's defaults. wire-facts §8.1 */
export const mycobrainRadio: LoraModulation = {
  spreadingFactor: 9,
  bandwidthHz: 125_000,
  codingRate: 7,
  preambleSymbols: 8,
};

/** Longer symbols than this need the low data rate optimisation. */
const longSymbolSeconds = 0.016;

/** @param bytes of the packet, with an explicit header and a CRC @returns seconds */
export function airtimeSeconds(bytes: number, modulation: LoraModulation): number {
  const { spreadingFactor, bandwidthHz, codingRate, preambleSymbols } = modulation;
  const symbolSeconds = 2 ** spreadingFactor / bandwidthHz;
  const isOptimised = symbolSeconds >= longSymbolSeconds;
  // 8 bits a byte, 28 for the header, 16 for the CRC.
  const bits = 8 * bytes - 4 * spreadingFactor + 28 + 16;
  const blocks = Math.max(0, Math.ceil(bits / (4 * (spreadingFactor - (isOptimised ? 2 : 0)))));
  return (preambleSymbols + 4.25 + 8 + blocks * codingRate) * symbolSeconds;
}
