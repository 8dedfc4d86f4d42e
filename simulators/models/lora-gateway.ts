/** The stock LoRa gateway on USB: it prints the header of every frame it hears, never what the frame says. wire-facts §3.7 */
import { storedLine } from "./board.ts";
import type { DeviceContext, Family, Model, Outgoing } from "./model.ts";

class LoraGateway implements Model {
  readonly #context: DeviceContext;
  #bootMs = 0;
  #heard = 0;
  #sent = 0;

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  boot(nowMs: number): Outgoing[] {
    this.#bootMs = nowMs;
    return [storedLine(`{"lora_init":"ok"}`), storedLine(`{"side":"gateway","mdp":1,"status":"ready"}`)];
  }

  tick(nowMs: number): Outgoing[] {
    const { random } = this.#context;
    this.#heard += 1 + random.below(2);
    return [
      storedLine(
        JSON.stringify({
          t_ms: Math.round(nowMs - this.#bootMs),
          src: 177,
          dst: 192,
          seq: this.#heard,
          ack: 0,
          type: random.chance(0.8) ? 1 : 5,
          flags: 1,
        }),
      ),
    ];
  }

  /** Commands of one line each; "sent" is printed whether or not the radio worked. */
  hear(bytes: Uint8Array): Outgoing[] {
    const lines = Buffer.from(bytes)
      .toString("latin1")
      .split("\n")
      .filter((line) => line.trim().startsWith("{"));
    return lines.map((line) =>
      storedLine(line.trim().endsWith("}") ? `{"sent":true,"seq":${++this.#sent}}` : `{"error":"json_parse"}`),
    );
  }
}

export const loraGateway: Family = {
  summary: "stock LoRa gateway on USB: headers of frames, as JSON lines",
  transports: ["serial"],
  intervalSeconds: 5,
  faults: [],
  create: (context) => new LoraGateway(context),
};
