import { Result } from "effect"
import type { ValidationError } from "../../domain/Errors.ts"
import { isNothing } from "../JsonText.ts"
import { type Carrier, checkParameters, unsupported } from "../Parameters.ts"
import type { ChatCall } from "../Provider.ts"

/** Only `tools` calls tools; nothing else that a caller may set tells these models apart. */
export const carrierOf = (provider: string, model: string): Carrier => ({
  provider,
  who: "the sandbox",
  carried: model === "tools" ? carriedByTools : carried
})

const carried = new Set(["n", "stop"])
const carriedByTools = new Set([...carried, "tools", "tool_choice"])

export const checkCall = ({ model, request }: ChatCall, carrier: Carrier): Result.Result<void, ValidationError> =>
  model !== "tools" && !isNothing(request.tools) && request.tool_choice !== "none"
    ? unsupported(carrier, "tools", "of its models only `tools` calls tools")
    : checkParameters(request, carrier)
