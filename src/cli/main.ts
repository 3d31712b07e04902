#!/usr/bin/env node
import { keepCompiled } from "../CompileCache.ts"

keepCompiled()
const { runCommand } = await import("./Run.ts")
runCommand()
