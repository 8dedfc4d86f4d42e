import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TopicTree } from "../../../src/mqtt/topic-tree.ts";
import { covers, filterMatches, isTopicFilter, isTopicName } from "../../../src/mqtt/topics.ts";

const level = fc.constantFrom("a", "b", "", "$SYS", "a b");
const arbTopic = fc.array(level, { minLength: 1, maxLength: 4 });
const arbFilter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .map(([levels, open]) => (open ? [...levels, "#"] : levels))
  .filter((levels) => levels.length > 0);

describe("topic filters", () => {
  test.each([
    ["a/b", true],
    ["+/b/#", true],
    ["#", true],
    ["+", true],
    ["/", true],
    ["a//b", true],
    ["", false],
    ["a#", false],
    ["a/#/b", false],
    ["a+/b", false],
    ["+a", false],
    ["a\0b", false],
    ["a\ufffdb", false],
  ])("%j is valid: %s", (filter, valid) => expect(isTopicFilter(filter)).toBe(valid));

  test("a topic name holds no wildcard", () => {
    expect(isTopicName("a/b")).toBe(true);
    expect(["a/+", "#", "", "a\0"].some(isTopicName)).toBe(false);
  });

  test.each([
    ["a/#", "a", true],
    ["a/#", "a/b/c", true],
    ["+", "a/b", false],
    ["+/+", "/a", true],
    ["#", "$SYS/x", false],
    ["+/x", "$SYS/x", false],
    ["$SYS/#", "$SYS/x", true],
    ["a/+", "a/", true],
  ])("%j receives %j: %s", (filter, topic, matches) =>
    expect(filterMatches(filter.split("/"), topic.split("/"))).toBe(matches),
  );
});

test("a filter that covers another matches all that the other matches", () =>
  fc.assert(
    fc.property(arbFilter, arbFilter, arbTopic, (outer, inner, topic) => {
      fc.pre(covers(outer, inner) && covers(inner, topic));
      expect(covers(outer, topic)).toBe(true);
    }),
  ));

describe("the topic tree", () => {
  test("finds what comparing every filter finds", () =>
    fc.assert(
      fc.property(fc.array(arbFilter, { maxLength: 12 }), arbTopic, (filters, topic) => {
        const tree = new TopicTree<number>();
        for (const [value, filter] of filters.entries()) tree.add(filter.join("/"), value);
        const expected = [...filters.keys()].filter((value) => filterMatches(filters[value]!, topic));
        expect(tree.match(topic.join("/")).sort((a, b) => a - b)).toEqual(expected);
      }),
    ));

  test("forgets what is removed, and only that", () =>
    fc.assert(
      fc.property(
        fc.array(arbFilter, { maxLength: 8 }),
        fc.array(arbFilter, { maxLength: 8 }),
        arbTopic,
        (kept, gone, topic) => {
          const tree = new TopicTree<string>();
          for (const [at, filter] of kept.entries()) tree.add(filter.join("/"), `kept ${at}`);
          const before = tree.match(topic.join("/")).sort();
          for (const [at, filter] of gone.entries()) tree.add(filter.join("/"), `gone ${at}`);
          for (const [at, filter] of gone.entries()) tree.remove(filter.join("/"), `gone ${at}`);
          expect(tree.match(topic.join("/")).sort()).toEqual(before);
          expect(tree.size).toBe(kept.length);
        },
      ),
    ));
});
