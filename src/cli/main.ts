#!/usr/bin/env node
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { Command } from "effect/cli"
import manifest from "../../package.json" with { type: "json" }
import { xrouter } from "./Xrouter.ts"

Command.run(xrouter, { version: manifest.version }).pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
