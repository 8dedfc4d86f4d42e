/** Topic names and topic filters, MQTT 3.1.1 §4.7. A topic name is also a filter: the one that matches only itself. */

/** Levels of a topic or filter; wildcards and empty levels are levels like any other. */
export type Levels = readonly string[];

/** U+0000 is forbidden, and U+FFFD is what a decoder leaves of bytes that were not UTF-8 (MQTT-1.5.3-1, -2). */
function isText(text: string): boolean {
  return text.length > 0 && !text.includes("\0") && !text.includes("\ufffd");
}

export function isTopicName(topic: string): boolean {
  return isText(topic) && !topic.includes("+") && !topic.includes("#");
}

/** A wildcard fills its level; `#` is the last level. */
export function isTopicFilter(filter: string): boolean {
  if (!isText(filter)) return false;
  const levels = filter.split("/");
  return levels.every((level, at) => {
    if (level === "+") return true;
    if (level === "#") return at === levels.length - 1;
    return !level.includes("+") && !level.includes("#");
  });
}

/** Does `outer` match every topic that `inner` matches? `inner` may be a filter or a topic. Says nothing about `$` topics. */
export function covers(outer: Levels, inner: Levels): boolean {
  for (let at = 0; at < outer.length; at++) {
    const level = outer[at];
    // `#` includes the parent level: a/# matches a (§4.7.1.2).
    if (level === "#") return at <= inner.length;
    if (at >= inner.length || inner[at] === "#") return false;
    if (level !== "+" && level !== inner[at]) return false;
  }
  return outer.length === inner.length;
}

export function beginsWithWildcard(levels: Levels): boolean {
  return levels[0] === "+" || levels[0] === "#";
}

/** Does a subscription to `filter` receive `topic`? A leading wildcard does not match a leading `$` (MQTT-4.7.2-1). */
export function filterMatches(filter: Levels, topic: Levels): boolean {
  return covers(filter, topic) && !(topic[0]!.startsWith("$") && beginsWithWildcard(filter));
}
