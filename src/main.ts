import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Layer } from "effect"
import { Application } from "./Application.ts"

Layer.launch(Application).pipe(NodeRuntime.runMain)
