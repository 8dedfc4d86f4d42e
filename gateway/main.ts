/**
 * Puts the gateway together: the only place that constructs adapters. Started in the order of the data's way, with the
 * listeners last; stopped in reverse, so that whatever was taken in still reaches the disk.
 */
import { createSecretKey } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { GatewayError } from "../src/errors.ts";
import { DedupeWindow } from "../src/ingest/dedupe-window.ts";
import { expiredEntry } from "../src/ingest/quarantine-events.ts";
import type { Transport } from "../src/ingest/upload.ts";
import { settingsChangedEntry } from "../src/ledger/gateway-events.ts";
import { KeyHistory } from "../src/ledger/key-events.ts";
import { Clock } from "./clock.ts";
import { CommandDesk } from "./commands/command-desk.ts";
import type { Config } from "./config/config.ts";
import { keepEndpoint } from "./config/endpoint.ts";
import { ensureAdminToken, ensureIdentity, findIdentity, type Identity } from "./config/identity.ts";
import { keyPlace } from "./config/key-place.ts";
import { changedSettings } from "./config/settings-record.ts";
import { adminTokenOnly } from "./http/auth.ts";
import { createMetrics } from "./http/metrics.ts";
import { createHttpServer } from "./http/server.ts";
import type { Listener, Services } from "./http/services.ts";
import { ChainDesk } from "./ingest/chain-desk.ts";
import { Counters } from "./ingest/counters.ts";
import { Ingest } from "./ingest/ingest.ts";
import { QuarantineLog } from "./ingest/quarantine-log.ts";
import { rememberFrame } from "./ingest/rebuild-dedupe.ts";
import { ReceiptSigner } from "./ingest/receipt-signer.ts";
import { DataDirLock } from "./journal/data-dir-lock.ts";
import { diskFiles } from "./journal/disk-files.ts";
import { HistoryGuard } from "./journal/history-guard.ts";
import { announceKeys } from "./journal/key-announcement.ts";
import { announcedKeysIn } from "./journal/key-history.ts";
import { journalDir, Ledger } from "./journal/ledger.ts";
import { PayloadRemoval } from "./journal/payload-removal.ts";
import { SegmentedLog } from "./journal/segmented-log.ts";
import { openSigningKeys } from "./journal/signing-keys.ts";
import { Turns } from "./journal/turns.ts";
import { EventLog } from "./registry/event-log.ts";
import { Registry } from "./registry/registry.ts";
import { replayEvents } from "./registry/replay-events.ts";
import { Findings } from "./scrub/findings.ts";
import { Scrub } from "./scrub/scrub.ts";
import { CoseReceipts } from "./services/cose-receipts.ts";
import { ErasureDesk } from "./services/erasure-service.ts";
import { Health } from "./services/health.ts";
import { LedgerMemories } from "./services/ledger-memories.ts";
import { LedgerView } from "./services/ledger-service.ts";
import { MqttDesk } from "./services/mqtt-desk.ts";
import { PortRegistry } from "./services/port-registry.ts";
import { QuarantineDesk } from "./services/quarantine-service.ts";
import { SignIns } from "./services/sign-ins.ts";
import { StopList } from "./stop-list.ts";
import { Database } from "./store/database.ts";
import { databaseSource } from "./store/database-source.ts";
import { DatabaseGaps } from "./store/gaps.ts";
import { Maintenance } from "./store/maintenance.ts";
import { DatabaseReadings } from "./store/readings.ts";
import { Tailer } from "./store/tailer.ts";
import { DatabaseTracks } from "./store/tracks.ts";
import { FciTransport } from "./transports/fci/fci-transport.ts";
import type { Link } from "./transports/link.ts";
import { LoraTransport } from "./transports/lora/lora-transport.ts";
import { LorawanTransport } from "./transports/lorawan/lorawan-transport.ts";
import { MavlinkTransport } from "./transports/mavlink/mavlink-transport.ts";
import { MavlinkSigning } from "./transports/mavlink/signing.ts";
import { MqttTransport } from "./transports/mqtt/mqtt-transport.ts";
import { serialState } from "./transports/serial/serial-state.ts";
import { SerialTransport } from "./transports/serial/serial-transport.ts";
import { UdpTransport } from "./transports/udp/udp-transport.ts";
import { version } from "./version.ts";
import { witnessPlan } from "./witness/config.ts";
import { CosignedHeads } from "./witness/cosigned-heads.ts";
import { Witness } from "./witness/witness.ts";
import { openWitnessSigner } from "./witness/witness-signer.ts";
import { peerMemories, Witnessing } from "./witness/witnessing.ts";

export interface Gateway {
  readonly identity: Identity;
  readonly adminToken: string;
  readonly listeners: readonly Listener[];
  /** Takes nothing more, finishes what was taken, and closes everything. */
  stop(): Promise<void>;
}

/** Small, so that what has left quarantine soon leaves the disk. */
const quarantineSegmentBytes = 4 * 2 ** 20;
const quarantineExpiryMs = 3_600_000;
/** Each time the segment that holds the border is written anew. */
const pruneIntervalMs = 6 * 3_600_000;
const dayUs = 86_400_000_000;
/** What a start waits for those who remember the ledger before it takes uploads; its first checkpoint waits longer. */
const memoryPatienceMs = 2_000;

/**
 * @param onFatal the journal or a verify worker has failed for good: nothing is acknowledged any more
 * @throws GatewayError; what was started by then is stopped again
 */
export async function startGateway(config: Config, log: Logger, onFatal: (error: Error) => void): Promise<Gateway> {
  const stops = new StopList();
  try {
    return await assemble(config, log, onFatal, stops);
  } catch (error) {
    await stops.run();
    throw error;
  }
}

async function assemble(
  config: Config,
  log: Logger,
  onFatal: (error: Error) => void,
  stops: StopList,
): Promise<Gateway> {
  createDataDir(config.data);
  const lock = await DataDirLock.acquire(config.data);
  stops.add(() => lock.release());
  const kept = findIdentity(config);
  const identity = ensureIdentity(config);
  const adminToken = ensureAdminToken(config);

  const clock = new Clock();
  clock.onStepBack = (milliseconds) =>
    log.warn({ milliseconds }, "the clock was set back; receive times are not in order");
  const { nowUs } = clock;

  // The database takes longest to start and is needed by nobody below: it comes up meanwhile.
  const source = databaseSource(config, identity, log);
  const database = new Database({ source, ledgerOrigin: identity.ledgerOrigin, log });
  database.start();
  stops.add(() => database.stop());

  const ledgerDir = join(config.data, identity.ledgerDir);
  const { checkpointIntervalMs, segmentBytes, blockLeaves, blockSeconds, hmacKey } = config.ledger;
  const origin = identity.ledgerOrigin;
  const keys = await openSigningKeys({
    ...keyPlace(config, origin),
    history: await announcedKeysIn(ledgerDir),
    ledgerDir,
    nowUs,
    hmacKey: hmacKey === undefined ? undefined : createSecretKey(hmacKey, "hex"),
  });
  stops.add(() => keys.close());
  const plan = witnessPlan(config.witness);
  const memories = new LedgerMemories({ config, kept, database, log });
  stops.add(() => memories.close());
  const guard = new HistoryGuard({
    memories: [...peerMemories(plan), ...memories.names],
    patienceMs: config.ledger.holdSeconds * 1000,
    log,
    onRefuse: onFatal,
    onAlarm: ({ kind }) => {
      if (kind !== "claim") ledger.stopSigning();
    },
  });
  stops.add(async () => guard.stop());
  const ledger = await Ledger.open({
    dir: ledgerDir,
    origin,
    signers: keys.checkpointSigners,
    verifiers: keys.checkpointVerifiers,
    seals: keys.seals,
    block: { leaves: blockLeaves, ms: blockSeconds * 1000 },
    nowUs,
    checkpointIntervalMs,
    segmentBytes,
    cleared: guard.cleared,
    resumeBlocks: false,
    log,
    onFatal,
  });
  stops.add(() => ledger.close());
  const witnessing = await Witnessing.open({
    plan,
    timeoutMs: config.witness.timeoutMs,
    ledger,
    ledgerDir,
    origin,
    verifiers: keys.checkpointVerifiers,
    guard,
    log,
  });
  stops.add(() => witnessing.stop());
  await witnessing.checkWitnessed();
  await memories.start({ ledger, own: witnessing.own, guard });
  witnessing.start();
  await guard.settled(memoryPatienceMs);

  const events = new EventLog(ledger);
  const registry = new Registry({ events, nowUs, onChange: (devices) => ingest.updateDevices(devices) });
  const keyHistory = new KeyHistory();
  const commandDesk = new CommandDesk({ registry, events, nowUs, log });
  await replayEvents(ledger, events, registry, keyHistory, commandDesk);
  await announceKeys({ keys, history: keyHistory, ledger, record: (event) => events.append(event), nowUs, log });
  const changed = changedSettings(config);
  if (changed !== undefined) {
    // A full disk must not keep the gateway from starting: then the next start tells it.
    await events.append(settingsChangedEntry(changed, nowUs())).then(
      () => changed.keep(),
      (error) => log.warn({ err: error }, "that settings have changed is not in the ledger yet"),
    );
  }
  const signIns = new SignIns({ record: (event) => events.append(event), nowUs, log });
  stops.add(() => signIns.stop());
  const dedupe = new DedupeWindow(config.ingest.dedupeWindow);
  const chains = new ChainDesk(config.ingest.signatureWaitHours * 3_600_000_000);
  const remembered = Math.max(0, ledger.durableSize - config.ingest.dedupeWindow);
  for await (const frame of ledger.frames(remembered, ledger.durableSize)) rememberFrame(dedupe, chains, frame);

  const quarantineDir = join(config.data, "quarantine");
  const quarantineJournal = await SegmentedLog.open({
    dir: quarantineDir,
    segmentBytes: quarantineSegmentBytes,
    log,
    onFatal,
  });
  const quarantine = await QuarantineLog.open(quarantineJournal, config.ingest.quarantine, chains);
  const expire = async (): Promise<void> => {
    const count = await quarantine.expire(nowUs());
    if (count === 0) return;
    await events
      .append(expiredEntry(count, nowUs()))
      .catch((error) => log.warn({ err: error, count }, "that messages left quarantine by age is not in the ledger"));
  };
  stops.add(() => quarantine.close());
  await expire();
  const expiry = setInterval(() => void expire().catch(onFatal), quarantineExpiryMs);
  stops.add(async () => clearInterval(expiry));

  const counters = new Counters();
  const mavlinkSigning = new MavlinkSigning(config.mavlink.signing);
  const ingest = new Ingest({
    ledger,
    quarantine,
    chains,
    dedupe,
    counters,
    workers: config.ingest.workers,
    maxPendingBytes: config.ingest.pendingBytes,
    trustedTransports: new Set(config.ingest.trust),
    examine: (upload) => mavlinkSigning.examine(upload),
    nowUs,
    onAccepted: (deviceId, receivedUs) => registry.seen(deviceId, receivedUs),
    onFatal,
  });
  ingest.updateDevices(registry.list());
  ingest.start();
  stops.add(() => ingest.stop());

  const receipts = new ReceiptSigner({ privateKey: keys.receipts, durableSize: () => ledger.durableSize });

  const tailer = new Tailer({ database: memories.database, journalDir: journalDir(ledgerDir), log });
  tailer.start(ledger.durableSize);
  ledger.onDurable((size) => tailer.advance(size));
  stops.add(() => tailer.stop());
  const maintenance = new Maintenance({ database, retention: config.database.retention, log });
  maintenance.start();
  stops.add(() => maintenance.stop());

  const turns = new Turns();
  const removal = await PayloadRemoval.open({ ledger, record: (event) => events.append(event), nowUs, turns, log });
  stops.add(() => removal.stop());
  const { payloadDays } = config.ledger.retention;
  const prune = async (): Promise<void> => {
    if (payloadDays !== undefined) await removal.prune(nowUs() - payloadDays * dayUs, tailer.cursor ?? 0);
  };
  // Whatever keeps it from finishing is logged there, and is tried again.
  void removal.resume().catch(() => undefined);
  const pruning = setInterval(() => void prune().catch(() => undefined), pruneIntervalMs);
  stops.add(async () => clearInterval(pruning));

  const scrub = new Scrub({
    ...config.ledger.scrub,
    ledger,
    dir: ledgerDir,
    origin,
    verifiers: keys.checkpointVerifiers,
    database: memories.database,
    findings: await Findings.open(ledger, { record: (event) => events.append(event), nowUs, log }),
    turns,
    nowUs,
    log,
  });
  scrub.start();
  stops.add(() => scrub.stop());

  const portsOf = (kind: string) =>
    new PortRegistry(registry, kind, (error) =>
      log.warn({ err: error }, "a board's firmware version was not recorded"),
    );
  const serial = new SerialTransport({
    config: config.serial,
    ingest,
    receipts,
    registry: portsOf("serial"),
    log,
    nowUs,
  });
  const trusts = (transport: Transport): boolean => config.ingest.trust.includes(transport);
  const lorawan = new LorawanTransport({
    config: config.lorawan,
    gatewayId: identity.gatewayId,
    trusted: trusts("lorawan"),
    ingest,
    registry: portsOf("lorawan"),
    log,
  });
  const lora = new LoraTransport({
    config: config.lora,
    reconnect: config.serial,
    trusted: trusts("lora"),
    ingest,
    registry: portsOf("lora"),
    log,
    nowUs,
  });
  const fci = new FciTransport({
    config: config.fci,
    trusted: trusts("fci"),
    ingest,
    registry: portsOf("fci"),
    log,
  });
  const udp = new UdpTransport({
    config: config.udp,
    trusted: trusts("udp"),
    ingest,
    receipts,
    registry: portsOf("udp"),
    log,
    nowUs,
  });
  const mavlink = new MavlinkTransport({
    config: config.mavlink,
    reconnect: config.serial,
    trusted: trusts("mavlink"),
    signing: mavlinkSigning,
    ingest,
    registry: portsOf("mavlink"),
    log,
    nowUs,
  });
  const links: readonly Link[] = [lora, fci, lorawan, udp, mavlink];
  const signer = await openWitnessSigner({ keysDir: join(config.data, "keys"), name: identity.witnessName });
  stops.add(() => signer.close());
  const heads = await CosignedHeads.open(diskFiles, join(config.data, "witness"), plan.logs.keys(), signer.keys);
  for (const [origin, reason] of heads.unusable) log.error({ origin, reason }, "this log cannot be witnessed");
  const witness = new Witness({ logs: plan.logs, heads, signer, nowUs, log });

  const health = new Health({
    ledger,
    ingest,
    chains,
    counters,
    quarantine,
    registry,
    database,
    tailer,
    scrub,
    serial: () => serialState(serial.ports()),
    links,
    witnessing,
    memories,
    witness,
    guard,
  });
  const metrics = createMetrics({
    gatewayId: identity.gatewayId,
    version,
    health,
    scrub,
    ackLatency: counters.latency,
    links: [...links, scrub, commandDesk],
  });

  const listeners: Listener[] = [];
  const quarantineDesk = new QuarantineDesk({ log: quarantine, ingest, events, nowUs });
  const services: Services = {
    gatewayId: identity.gatewayId,
    version,
    registry,
    readings: new DatabaseReadings(database),
    tracks: new DatabaseTracks(database),
    gaps: new DatabaseGaps(database),
    ledger: new LedgerView(ledger, witnessing),
    events,
    log: witnessing.log,
    coseReceipts: new CoseReceipts(witnessing.log, keys.cose),
    witness,
    erasures: new ErasureDesk(removal, quarantineDesk),
    scrub,
    quarantine: quarantineDesk,
    health,
    commands: commandDesk,
    airtime: () => lora.airtime(),
    listeners: () => listeners,
    metrics: () => metrics.text(),
  };
  const http = await createHttpServer({
    services,
    config: config.http,
    authenticate: adminTokenOnly(adminToken),
    signIns: {
      accepted: (operator) => signIns.accepted("http", operator),
      refused: () => signIns.refused("http"),
    },
    log,
  });
  await serial.start();
  stops.add(() => serial.stop());
  for (const link of links) {
    stops.add(() => link.stop());
    listeners.push(...(await link.start()));
  }

  const desk = new MqttDesk({ services, ledgerOrigin: identity.ledgerOrigin, prefix: config.mqtt.prefix, log });
  const mqtt = new MqttTransport({
    config: config.mqtt,
    gatewayId: identity.gatewayId,
    adminToken,
    ingest,
    receipts,
    log,
    persistenceDir: join(config.data, "mqtt"),
    onHeartbeat: (deviceId) => registry.seen(deviceId, nowUs()),
    onPresence: (deviceId) => registry.seen(deviceId, nowUs()),
    onCommand: (deviceId, payload, operator) => desk.command(deviceId, payload, operator),
    onLateResult: (deviceId, id, answer) => void commandDesk.answeredLate(deviceId, id, answer),
    onRequest: (name, payload, operator) => desk.request(name, payload, operator),
    onSignIn: (operator) => signIns.accepted("mqtt", operator),
    onSignInRefused: () => signIns.refused("mqtt"),
  });
  await commandDesk.start([serial, udp, lora, fci, lorawan, mavlink, mqtt.commands]);
  listeners.push(...(await mqtt.start()).listeners);
  stops.add(() => mqtt.stop());
  desk.start(mqtt);
  stops.add(async () => desk.stop());
  stops.add(() => commandDesk.stop());

  // Last, because /readyz says that uploads are taken.
  const httpUrl = await http.listen();
  listeners.push({ name: "http", url: httpUrl });
  stops.add(() => http.close());
  keepEndpoint(config, httpUrl);

  return {
    identity,
    adminToken,
    listeners,
    stop: () => stops.run(),
  };
}

function createDataDir(dir: string): void {
  try {
    // Others may pass through, to what is theirs in it: the embedded database of a root gateway runs as another user.
    mkdirSync(dir, { recursive: true, mode: 0o711 });
  } catch (cause) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `the data directory ${dir} cannot be made`, { cause });
  }
}
