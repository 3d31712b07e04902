import * as NodeServices from "@effect/platform-node/NodeServices"
import { Layer } from "effect"
import * as Database from "./storage/Database.ts"
import { Migrations } from "./storage/Migrations.ts"

export const database = Migrations.layer.pipe(Layer.provideMerge(Database.layer), Layer.provide(NodeServices.layer))
