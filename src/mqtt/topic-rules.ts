/**
 * Who may publish and subscribe where: an ordered list, first match wins, nothing else is allowed.
 *
 * A rule's topic is a topic filter with placeholders: `{p}` is the topic prefix, `{gateway}` the gateway id, and `{id}`
 * the client's own device id; for whoever is not one device, `{id}` stands for any one device id. Unlike in a
 * subscription, a leading wildcard in a rule also covers topics that begin with `$`, except `$SYS`, which a rule has to
 * name. Nobody may publish to `$SYS`, whatever the rules say.
 */
import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import { isDeviceId } from "./device-topics.ts";
import { beginsWithWildcard, covers, isTopicFilter, type Levels } from "./topics.ts";

/**
 * - `device`: authenticated as one device, by certificate or as a user of that role
 * - `relay`: a user that speaks for many devices
 * - `operator`, `viewer`: people and programs that watch; operators also command
 * - `anonymous`: gave no credentials
 */
const clientKinds = ["device", "relay", "operator", "viewer", "anonymous"] as const;
type ClientKind = (typeof clientKinds)[number];

const action = Type.Enum(["publish", "subscribe", "all"]);
const subject = {
  topic: Type.String({ minLength: 1, description: "Topic filter; `{p}`, `{id}` and `{gateway}` are filled in." }),
  who: Type.Optional(
    Type.Array(Type.Enum([...clientKinds, "any"]), {
      minItems: 1,
      description: "Whom the rule is about; without it, anybody.",
    }),
  ),
};
const strict = { additionalProperties: false };

export const topicRulesSchema = Type.Array(
  Type.Union([Type.Object({ allow: action, ...subject }, strict), Type.Object({ deny: action, ...subject }, strict)]),
  {
    description:
      "Ordered list of `{allow or deny: publish|subscribe|all, topic, who?}`; the first match decides, and what none matches is denied. Empty: the default rules.",
    default: [],
    restart: true,
  },
);

type Action = Static<typeof action>;
export type TopicRule = ({ readonly allow: Action } | { readonly deny: Action }) & {
  readonly topic: string;
  readonly who?: readonly (ClientKind | "any")[];
};

const speaksForDevices: ClientKind[] = ["device", "relay", "anonymous"];
const watches: ClientKind[] = ["operator", "viewer"];

/** A device touches its own topics in the right direction; operators see everything and command. */
const defaultTopicRules: readonly TopicRule[] = [
  ...["envelope", "telemetry", "heartbeat", "mdp", "status", "cmd/result", "ota/#"].map(
    (channel): TopicRule => ({ allow: "publish", topic: `{p}/{id}/${channel}`, who: speaksForDevices }),
  ),
  ...["ack", "cmd", "ota/#", "status"].map(
    (channel): TopicRule => ({ allow: "subscribe", topic: `{p}/{id}/${channel}`, who: speaksForDevices }),
  ),
  { allow: "subscribe", topic: "mycogate/{gateway}/#", who: ["anonymous"] },
  { allow: "subscribe", topic: "#", who: watches },
  { allow: "subscribe", topic: "$SYS/#", who: watches },
  { allow: "publish", topic: "{p}/+/cmd", who: ["operator"] },
  { allow: "publish", topic: "mycogate/{gateway}/request/#", who: ["operator"] },
];

/** The part of a client's identity that rules look at. */
export interface RuleClient {
  readonly kind: ClientKind;
  /** Set where kind is `device`. */
  readonly deviceId: string | undefined;
}

interface CompiledRule {
  readonly allow: boolean;
  readonly publish: boolean;
  readonly subscribe: boolean;
  readonly levels: Levels;
  readonly who: ReadonlySet<string>;
}

const idPlaceholder = "{id}";

export class TopicRules {
  readonly #publish: readonly CompiledRule[];
  readonly #subscribe: readonly CompiledRule[];
  /** Some topics are denied to subscribers: a wider filter may be granted, so each message is looked at on delivery. */
  readonly checksDelivery: boolean;

  /** @throws GatewayError CONFIG_INVALID naming the rule whose topic, once filled in, is not a topic filter */
  constructor(rules: readonly TopicRule[], names: { readonly prefix: string; readonly gatewayId: string }) {
    const compiled = (rules.length > 0 ? rules : defaultTopicRules).map((rule) => compile(rule, names));
    this.#publish = compiled.filter(({ publish }) => publish);
    this.#subscribe = compiled.filter(({ subscribe }) => subscribe);
    this.checksDelivery = this.#subscribe.some(({ allow }) => !allow);
  }

  mayPublish(client: RuleClient, topic: string): boolean {
    const levels = topic.split("/");
    return levels[0] !== "$SYS" && decide(this.#publish, client, levels);
  }

  /**
   * A filter is granted if an allow rule matches all it matches. A deny rule before that refuses it only if it covers
   * the whole filter; what it covers of a wider one is withheld message by message, see `mayReceive`.
   */
  maySubscribe(client: RuleClient, filter: string): boolean {
    return decide(this.#subscribe, client, filter.split("/"));
  }

  mayReceive(client: RuleClient, topic: string): boolean {
    return decide(this.#subscribe, client, topic.split("/"));
  }
}

function decide(rules: readonly CompiledRule[], client: RuleClient, levels: Levels): boolean {
  return rules.find((rule) => concerns(rule, client) && ruleCovers(rule.levels, client, levels))?.allow ?? false;
}

function concerns({ who }: CompiledRule, { kind }: RuleClient): boolean {
  return who.has(kind) || who.has("any");
}

function ruleCovers(rule: Levels, client: RuleClient, levels: Levels): boolean {
  if (levels[0] === "$SYS" && beginsWithWildcard(rule)) return false;
  const at = rule.indexOf(idPlaceholder);
  if (at < 0) return covers(rule, levels);
  const id = levels[at];
  if (id === undefined) return false;
  if (client.kind === "device") return id === client.deviceId && covers(rule.with(at, id), levels);
  return (id === "+" || isDeviceId(id)) && covers(rule.with(at, "+"), levels);
}

function compile(rule: TopicRule, { prefix, gatewayId }: { prefix: string; gatewayId: string }): CompiledRule {
  const allow = "allow" in rule;
  const what = allow ? rule.allow : rule.deny;
  const topic = rule.topic.replaceAll("{p}", prefix).replaceAll("{gateway}", gatewayId);
  const levels = topic.split("/");
  if (!isTopicFilter(topic) || levels.some((level) => level.includes(idPlaceholder) && level !== idPlaceholder)) {
    throw new GatewayError("CONFIG_INVALID", `mqtt.rules: "${rule.topic}" is not a topic filter`);
  }
  if (levels.indexOf(idPlaceholder) !== levels.lastIndexOf(idPlaceholder)) {
    throw new GatewayError("CONFIG_INVALID", `mqtt.rules: "${rule.topic}" names {id} more than once`);
  }
  return {
    allow,
    publish: what !== "subscribe",
    subscribe: what !== "publish",
    levels,
    who: new Set(rule.who ?? ["any"]),
  };
}
