/** One LoRa gateway on a serial port: lines in, lines out. */
import { LineSplitter } from "../../../src/lora/line-splitter.ts";
import { type RadioLine, readRadioLine, sendLine } from "../../../src/lora/radio-line.ts";
import { portAddress } from "../serial/config.ts";
import { PortLink } from "../serial/port-link.ts";
import { portName } from "../serial/port-name.ts";
import type { SerialLog } from "../serial/serial-registry.ts";

export interface RadioOptions {
  /** `path[@baud]` */
  readonly port: string;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  readonly log: SerialLog;
  readonly onLine: (radio: Radio, line: RadioLine, text: string) => void;
}

const defaultBaud = 115_200;
/** A frame of 255 bytes in base64 with all that stands beside it takes half of this. */
const maxLineBytes = 1_024;

export class Radio {
  /** Stable name of the port. */
  name: string;
  /** It prints headers only, and takes commands by number. */
  isStock = false;
  readonly #link: PortLink;
  #lines = new LineSplitter(maxLineBytes);
  #nextId = 1;

  constructor({ port, reconnectMinMs, reconnectMaxMs, log, onLine }: RadioOptions) {
    const address = portAddress(port, defaultBaud);
    this.name = address.path;
    this.#link = new PortLink({
      address,
      reconnectMinMs,
      reconnectMaxMs,
      log,
      onOpen: async () => {
        this.name = await portName(address.path);
        this.#lines = new LineSplitter(maxLineBytes);
      },
      onData: (chunk) => {
        for (const item of this.#lines.push(chunk)) {
          const text = item.kind === "line" ? item.text : "";
          const line: RadioLine =
            item.kind === "line" ? readRadioLine(text) : { kind: "reject", reason: "PACKET_TOO_LARGE" };
          if (line.kind === "stock") this.isStock = true;
          else if (line.kind === "frame") this.isStock = false;
          onLine(this, line, text);
        }
      },
      onLost: () => undefined,
    });
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  get error(): string | undefined {
    return this.#link.error;
  }

  start(): Promise<void> {
    return this.#link.start();
  }

  stop(): Promise<void> {
    return this.#link.stop();
  }

  send(frame: Uint8Array): void {
    this.write(sendLine(this.#nextId++, frame));
  }

  write(line: string): void {
    this.#link.write(Buffer.from(line));
  }
}
