/**
 * The closed lists of ways a message can fail to become a ledger entry. Quarantined bytes are kept with their reason;
 * rejected ones are counted only, because there is nothing left to keep (a broken frame) or the sender may not speak at all.
 */

/** Reasons for which the received bytes are kept aside. Codes are strings that outlive their wording. */
export const quarantineReasons = {
  NOT_WELL_FORMED: "The bytes are not one complete CBOR data item, JSON object or frame body.",
  NOT_DETERMINISTIC: "Well-formed CBOR, but not in the deterministic encoding that a signature needs.",
  SCHEMA_INVALID: "Decodes, but is not a message we know: a field is missing, mistyped or out of range.",
  UNKNOWN_DEVICE: "No device of this id is enrolled.",
  DEVICE_REVOKED: "The device, or the key that signed, is revoked.",
  HASH_MISMATCH: "The hash in the message is not the hash of the message.",
  SIGNATURE_INVALID: "No key of the device verifies the signature.",
  UNSIGNED:
    "Carries no signature, and the policy neither trusts the transport it came by nor allows the device to sign sparsely.",
  REPLAY_CONFLICT: "Same device, seq and msgId as an earlier message, but other bytes.",
  TOPIC_MISMATCH: "The device named in the message is not the one the topic or port belongs to.",
  SIGNATURE_PENDING: "A message of a sparsely signed chain; the signed one that proves it has not come.",
  TOO_LARGE: "Longer than one ledger entry can hold.",
} as const;
export type QuarantineReason = keyof typeof quarantineReasons;

/** Reasons for which a message is counted and not kept. */
export const rejectReasons = {
  TOPIC_DENIED: "The topic rules do not let this client publish there.",
  RATE_LIMITED: "The client sent faster than its limit allows.",
  SENDER_LIMIT: "The transport knows as many senders as it may; a new one waits until one has been silent.",
  OVERLOADED: "Too many messages of this link wait for the disk, and the link has no way to make its senders wait.",
  PACKET_TOO_LARGE: "The packet exceeds the transport's limit and was not read to its end.",
  FRAME_EMPTY: "Two delimiters with nothing between them that was not idle.",
  FRAME_TOO_LONG: "No delimiter within the longest frame.",
  FRAME_COBS_INVALID: "Not a COBS block sequence.",
  FRAME_CRC_MISMATCH: "The CRC does not match the packet.",
  FRAME_TOO_SHORT: "Shorter than an MDP header and CRC.",
  FRAME_BAD_MAGIC: "The packet does not begin with the magic of its protocol.",
  FRAME_BAD_VERSION: "A version of the protocol that we do not speak.",
  FRAME_UNKNOWN_TYPE: "A message type we do not know.",
  TEXT_LINE: "Text that is no message.",
  LINE_BROKEN: "A line that begins like a JSON object or a board's text and is none: cut off, or mixed with another.",
  LINE_UNKNOWN: "A line with a JSON object of no firmware that is known.",
  BODY_INVALID: "A control message (HELLO, ACK, heartbeat) whose body could not be read.",
  DELIVERED_BEFORE: "A network server delivered an uplink again that is durable.",
  SIGNATURE_REPLAYED: "Signed, but with a time that does not go forward: sent before, or recorded.",
  QUARANTINE_FULL: "Would have been quarantined, but quarantine has reached its limit.",
} as const;
export type RejectReason = keyof typeof rejectReasons;
