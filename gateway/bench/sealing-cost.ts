/** What blocks and frequent checkpoints cost a whole gateway: the same load with them and without, in turns. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GatewayProcess } from "./gateway-process.ts";
import type { BenchFigure } from "./ingest.ts";
import { LoadGenerator } from "./load-generator.ts";

const rounds = 5;
const window = 64;
const unsealed = { MYCOGATE_LEDGER_BLOCK_LEAVES: "65536", MYCOGATE_LEDGER_CHECKPOINT_INTERVAL_MS: "60000" };

/** @param messages envelopes of each run; one run of each kind comes before those that count */
export async function sealingCost(messages: number, onFigure: (figure: BenchFigure) => void): Promise<void> {
  const { generator, devices } = await LoadGenerator.prepare({ connections: 16, readings: 6, prefix: "mycobrain" });
  const rates = { plain: [] as number[], sealed: [] as number[] };
  const rate = async (env: Record<string, string>): Promise<number> => {
    const dir = mkdtempSync(join(tmpdir(), "mycogate-bench-"));
    chmodSync(dir, 0o755);
    await generator.sign(messages);
    const gateway = await GatewayProcess.start(join(dir, "data"), env);
    try {
      await gateway.databaseCaughtUp();
      await gateway.enrol(devices);
      const started = performance.now();
      const { acked } = await generator.run({ port: gateway.mqttPort, messages, perSecond: 0, window });
      await gateway.databaseCaughtUp();
      return (acked * 1000) / (performance.now() - started);
    } finally {
      await gateway.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  };
  try {
    for (let round = 0; round < rounds; round++) {
      rates.plain.push(await rate(unsealed));
      rates.sealed.push(await rate({}));
    }
  } finally {
    generator.end();
  }
  const [plain, sealed] = [median(rates.plain), median(rates.sealed)];
  onFigure({ name: "whole gateway, no blocks, a checkpoint a minute", value: Math.round(plain), unit: "envelopes/s" });
  onFigure({
    name: "whole gateway, blocks and checkpoints as by default",
    value: Math.round(sealed),
    unit: "envelopes/s",
  });
  onFigure({ name: "blocks and checkpoints cost", value: Math.round((1 - sealed / plain) * 1000) / 10, unit: "%" });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
