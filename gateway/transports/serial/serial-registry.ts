/** What serial ports need of the rest of the gateway, besides ingest. */

export interface SerialRegistry {
  /** The device that was enrolled for this port, also by an earlier run of the gateway. */
  deviceForPort(port: string): string | undefined;
  /** An unsigned board that was met on a serial port, whichever it was. */
  isBoard(id: string): boolean;
  /** As enrolled; empty where nobody said. */
  roleOf(id: string): string;
  /** No device has this id. */
  isFree(id: string): boolean;
  /** Resolves once the device is in the ledger. @throws GatewayError */
  enrolUnsigned(board: UnsignedBoard): Promise<void>;
  reportFirmware(id: string, firmware: string): void;
}

/** The part of a pino logger that is used here. */
export interface SerialLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface UnsignedBoard {
  readonly id: string;
  readonly port: string;
  /** As the board says, empty where it does not. */
  readonly role: string;
  readonly firmware: string;
}
