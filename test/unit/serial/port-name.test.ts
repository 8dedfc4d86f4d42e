import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { portAddress } from "../../../gateway/transports/serial/config.ts";
import { portDeviceId, portName } from "../../../gateway/transports/serial/port-name.ts";
import { serialState } from "../../../gateway/transports/serial/serial-state.ts";
import { deviceIdPattern } from "../../../src/registry/device.ts";

describe("the name of a serial port", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "mycogate-by-id-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("follows the adapter: a kernel name is replaced by its link with the serial number", async () => {
    // Any file of that form serves as the target; /dev/tty is there on every Unix.
    symlinkSync("/dev/tty", join(folder, "usb-Espressif_USB_JTAG_34:85:18:AA:BB:CC-if00"));
    symlinkSync("/dev/nowhere", join(folder, "usb-broken"));
    expect(await portName("/dev/tty", folder)).toBe("usb-Espressif_USB_JTAG_34:85:18:AA:BB:CC-if00");
    expect(await portName("/dev/ttyUSB9", folder)).toBe("ttyUSB9");
    expect(await portName("/dev/ttyUSB9", join(folder, "absent"))).toBe("ttyUSB9");
  });

  test("is the same for the link itself, and the path for anything else", async () => {
    expect(await portName("/dev/serial/by-id/usb-x-if00", folder)).toBe("usb-x-if00");
    expect(await portName("/dev/pts/3", folder)).toBe("pts/3");
    expect(await portName("/tmp/board", folder)).toBe("/tmp/board");
    expect(await portName("COM3", folder)).toBe("COM3");
  });

  test("makes a valid device id, differing wherever the name differs", () => {
    expect(portDeviceId("ttyUSB0")).toBe("serial-ttyUSB0");
    expect(portDeviceId("/tmp/board")).toBe("serial-tmp-board");
    const long = "usb-Silicon_Labs_CP2102N_USB_to_UART_Bridge_Controller_0001";
    const ids = ["a", "b"].map((end) => portDeviceId(`${long}${end}-if00-port0`));
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(`${id}-9`).toMatch(deviceIdPattern);
  });
});

describe("a configured port", () => {
  test("may name its speed", () => {
    expect(portAddress("/dev/ttyACM0@9600", 115_200)).toEqual({ path: "/dev/ttyACM0", baud: 9_600, dialect: "auto" });
    expect(portAddress("/dev/ttyACM0", 115_200)).toEqual({ path: "/dev/ttyACM0", baud: 115_200, dialect: "auto" });
    expect(portAddress("/tmp/a@b", 115_200)).toEqual({ path: "/tmp/a@b", baud: 115_200, dialect: "auto" });
    expect(portAddress("COM3=field", 115_200)).toEqual({ path: "COM3", baud: 115_200, dialect: "field" });
    expect(portAddress("/dev/ttyS0@9600=mdp-a", 1)).toEqual({ path: "/dev/ttyS0", baud: 9_600, dialect: "mdp-a" });
    expect(() => portAddress("COM3=fields", 1)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });

  test("is told of by /readyz with the reason why it is away", () => {
    const port = {
      path: "/dev/a",
      baud: 1,
      name: "a",
      open: true,
      error: undefined,
      deviceId: undefined,
      configured: "auto" as const,
      dialect: undefined,
      firmware: undefined,
      messages: 0,
      unacknowledged: 0,
      rejects: {},
    };
    expect(serialState([])).toMatchObject({ status: "off" });
    expect(serialState([port])).toEqual({ status: "ok", detail: "1 of 1 open" });
    expect(serialState([port, { ...port, path: "/dev/b", open: false, error: "No such file" }])).toEqual({
      status: "degraded",
      detail: "1 of 2 open; /dev/b: No such file",
    });
  });
});
