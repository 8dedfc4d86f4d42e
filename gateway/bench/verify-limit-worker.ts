/** Verifies one signature over and over for a given time: what a core can do at most. */
import { parentPort, workerData } from "node:worker_threads";
import sodium from "sodium-native";

const { milliseconds } = workerData as { milliseconds: number };
const publicKey = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES);
const secretKey = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES);
sodium.crypto_sign_keypair(publicKey, secretKey);
const message = Buffer.alloc(37, 7);
const signature = Buffer.alloc(sodium.crypto_sign_BYTES);
sodium.crypto_sign_detached(signature, message, secretKey);

const started = performance.now();
let count = 0;
while (performance.now() - started < milliseconds) {
  for (let round = 0; round < 100; round++) sodium.crypto_sign_verify_detached(signature, message, publicKey);
  count += 100;
}
parentPort!.postMessage((count * 1000) / (performance.now() - started));
