import { expect, test } from "vitest";
import { adminTokenOnly, may, type Role } from "../../../gateway/http/auth.ts";

test("only the whole admin token is the admin's", () => {
  const authenticate = adminTokenOnly("a-token-of-some-length");
  expect(authenticate("a-token-of-some-length")).toEqual({ name: "admin", role: "admin" });
  for (const other of ["", "a-token-of-some-lengt", "a-token-of-some-length!", "A-TOKEN-OF-SOME-LENGTH"]) {
    expect(authenticate(other)).toBeUndefined();
  }
});

test("everyone may look, the admin may do anything, the others what is theirs", () => {
  const roles: Role[] = ["viewer", "operator", "release", "admin"];
  const rights = Object.fromEntries(roles.map((role) => [role, roles.filter((needed) => may(role, needed))]));
  expect(rights).toEqual({
    viewer: ["viewer"],
    operator: ["viewer", "operator"],
    release: ["viewer", "release"],
    admin: ["viewer", "operator", "release", "admin"],
  });
});
