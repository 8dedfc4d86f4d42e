import type { ClientConfig } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CopySession, type EntryRun } from "../../../gateway/store/copy-session.ts";
import { EmbeddedPostgres } from "../../../gateway/store/embedded-postgres.ts";
import { migrate } from "../../../gateway/store/migrate.ts";
import { TailerLoop, type TailerReport } from "../../../gateway/store/tailer-loop.ts";
import { scratchDir } from "../../support/scratch-dir.ts";
import {
  eventually,
  log,
  migratedSchema,
  runOf,
  startServer,
  type TestServer,
  telemetry,
  withClient,
} from "./support.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** Entry `leaf` of the journal that these tests pretend to follow. */
function run(from: number, to: number): EntryRun {
  const entries = Array.from({ length: to - from }, (_, index) =>
    telemetry({ pack: [{ id: "leaf", v: from + index }] }, { deviceId: `dev-${(from + index) % 7}` }),
  );
  return runOf(from, entries);
}

async function* frames(from: number, to: number): AsyncGenerator<EntryRun> {
  for (let leaf = from; leaf < to; leaf += 97) yield run(leaf, Math.min(to, leaf + 97));
}

interface Follower {
  readonly loop: TailerLoop;
  readonly done: Promise<void>;
  readonly reports: TailerReport[];
  readonly cursor: () => number;
}

function follow(config: ClientConfig, size: number, source: typeof frames = frames): Follower {
  const reports: TailerReport[] = [];
  const loop = new TailerLoop({ frames: source, report: (report) => reports.push(report) });
  loop.connectTo(config);
  loop.advance(size);
  const cursor = (): number => reports.reduce((last, report) => (report.kind === "copied" ? report.cursor : last), 0);
  return { loop, done: loop.run(), reports, cursor };
}

async function stopFollower({ loop, done }: Follower): Promise<void> {
  loop.stop();
  await done;
}

/** Every leaf below `size` once, with its own reading and its own device. */
async function expectComplete(config: ClientConfig, size: number): Promise<void> {
  const { rows } = await withClient(config, (client) =>
    client.query(
      `SELECT count(*)::int AS entries, count(DISTINCT leaf_index)::int AS leaves, max(leaf_index)::int AS last,
              count(*) FILTER (WHERE values[1] = leaf_index AND d.id = 'dev-' || leaf_index % 7)::int AS right,
              (SELECT leaf_index::int FROM tailer_cursors WHERE name = 'entries') AS cursor
       FROM entries JOIN devices d USING (device_no)`,
    ),
  );
  expect(rows).toEqual([{ entries: size, leaves: size, last: size - 1, right: size, cursor: size }]);
}

test("an idle tailer copies what arrives, in the order it arrives", async () => {
  const config = await migratedSchema(server);
  const follower = follow(config, 0);
  for (const size of [1, 2, 500, 501]) {
    follower.loop.advance(size);
    await eventually(follower.cursor).toBe(size);
  }
  await stopFollower(follower);
  await expectComplete(config, 501);
});

test("connections cut at any moment neither lose nor repeat an entry", async () => {
  const config = await migratedSchema(server);
  const size = 20_000;
  const follower = follow(config, size);
  let cuts = 0;
  while (follower.cursor() < size) {
    const cut = await withClient(config, (client) =>
      client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mycogate tailer' AND state <> 'idle'",
      ),
    );
    cuts += cut.rowCount ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 20 + (cuts % 5) * 50));
  }
  await stopFollower(follower);
  expect(cuts).toBeGreaterThan(0);
  expect(follower.reports.some(({ kind }) => kind === "lost")).toBe(true);
  await expectComplete(config, size);
});

test("two tailers on one database copy each entry once between them", async () => {
  const config = await migratedSchema(server);
  const size = 20_000;
  const followers = [follow(config, size), follow(config, size)];
  await eventually(() => Math.min(...followers.map(({ cursor }) => cursor()))).toBe(size);
  await Promise.all(followers.map(stopFollower));
  await expectComplete(config, size);
});

test("a session whose turn has passed writes nothing", async () => {
  const config = await migratedSchema(server);
  const sessions = [await CopySession.open(config), await CopySession.open(config)] as const;
  for (const session of sessions) session.add(run(0, 10));
  await sessions[0].commit();
  await expect(sessions[1].commit()).rejects.toThrow("another tailer has moved the cursor from 0");
  for (const session of sessions) await session.close();
  await expectComplete(config, 10);
});

test("a journal that fails while it is read costs time only", async () => {
  const config = await migratedSchema(server);
  let failures = 3;
  const follower = follow(config, 1000, async function* (from, to) {
    for await (const part of frames(from, to)) {
      yield part;
      if (failures-- > 0) throw new Error("disk error");
    }
  });
  await eventually(follower.cursor).toBe(1000);
  await stopFollower(follower);
  expect(follower.reports).toContainEqual({ kind: "lost", reason: "disk error" });
  await expectComplete(config, 1000);
});

test("a run that leaves a gap is refused", async () => {
  const session = await CopySession.open(await migratedSchema(server));
  expect(() => session.add(run(1, 2))).toThrow(RangeError);
  await session.close();
});

test("a server killed while it copies is recovered with every entry once", async () => {
  const dataDir = scratchDir("killed");
  const postgres = new EmbeddedPostgres({ dataDir }, log);
  try {
    const config = await postgres.open();
    await withClient(config, (client) => migrate(client));
    const size = 30_000;
    const follower = follow(config, size);
    for (const progress of [1, 8_000, 16_000]) {
      await eventually(follower.cursor).toBeGreaterThanOrEqual(progress);
      const pid = await withClient(config, async (client) => {
        const { rows } = await client.query("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid");
        return rows[0].pid as number;
      });
      process.kill(pid, "SIGKILL");
      const opened = async (): Promise<boolean> => withClient(await postgres.open(), async () => true);
      await eventually(() => opened().catch(() => false)).toBe(true);
    }
    await eventually(follower.cursor).toBe(size);
    await stopFollower(follower);
    await expectComplete(config, size);
  } finally {
    await postgres.close();
  }
});
