#!/usr/bin/env node
import { cli } from "../dist/gateway/cli/cli.js";

process.exitCode = await cli(process.argv.slice(2));
