import type { Client } from "aedes";
import { expect, onTestFinished, test } from "vitest";
import { Broker } from "../../../gateway/transports/mqtt/broker.ts";
import { Router } from "../../../gateway/transports/mqtt/router.ts";
import type { SessionStore } from "../../../gateway/transports/mqtt/session-store.ts";

/** No session keeps anything. */
const store = { sequence: 0, version: 0, keeps: () => false, disconnected: () => {} } as unknown as SessionStore;

async function startBroker(): Promise<Broker> {
  const broker = new Broker({}, new Router(), store);
  await broker.listen();
  onTestFinished(() => new Promise<void>((resolve) => broker.close(resolve)));
  return broker;
}

function client(closed: boolean): Client {
  return { id: "same", closed, close: (done: () => void) => done() } as unknown as Client;
}

test("a client that closed before it was registered is not registered any more", async () => {
  const broker = await startBroker();
  broker.registerClient(client(true));
  expect([broker.connected("same"), broker.connectedClients]).toEqual([undefined, 0]);
});

test("a client that never was registered does not take off the one that holds its identifier", async () => {
  const broker = await startBroker();
  const holder = client(false);
  broker.registerClient(holder);
  broker.unregisterClient(client(true));
  expect([broker.connected("same"), broker.connectedClients]).toEqual([holder, 1]);
  broker.unregisterClient(holder);
  expect([broker.connected("same"), broker.connectedClients]).toEqual([undefined, 0]);
});
