/** The configuration schema as a flat list: one row per setting, with the names it has in each source. */

import type { SchemaView } from "../../src/schema/problems.ts";
import { configSchema } from "./schema.ts";

export interface Setting {
  /** Dotted, as in the YAML file: `mqtt.tls.port`. */
  readonly path: string;
  /** `MYCOGATE_MQTT_TLS_PORT` */
  readonly env: string;
  /** `--mqtt-tls-port` */
  readonly flag: string;
  readonly schema: SchemaView;
}

function* settingsOf(schema: SchemaView, path: readonly string[]): Generator<Setting> {
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const here = [...path, key];
    if (child.properties) {
      yield* settingsOf(child, here);
    } else {
      const words = here.join("_").replace(/[A-Z]/g, (letter) => `_${letter}`);
      const env = `MYCOGATE_${words.toUpperCase()}`;
      yield { path: here.join("."), env, flag: `--${words.toLowerCase().replaceAll("_", "-")}`, schema: child };
    }
  }
}

export const settings: readonly Setting[] = [...settingsOf(configSchema as SchemaView, [])];
