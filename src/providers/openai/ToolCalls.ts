import type { ToolCallDelta } from "../../domain/ChatEvent.ts"
import { isJsonObject, type JsonObject } from "../../domain/Json.ts"
import { filled } from "../JsonText.ts"

interface Known {
  readonly index: number | undefined
  readonly upstreamId: string | undefined
  readonly isCustom: boolean
  isNamed: boolean
}

/**
 * The tool calls of one choice, told apart. OpenAI gives each an `index`, and `id`, `type` and `name` once; compatible servers
 * leave the index out, repeat the id or send it empty, give two calls one id (their function's name), or one index.
 */
export class ToolCalls {
  private readonly choice: number
  private readonly requestId: string
  private readonly known: Array<Known> = []
  private readonly ids = new Set<string>()

  constructor(choice: number, requestId: string) {
    this.choice = choice
    this.requestId = requestId
  }

  /** `position` is the call's place in a whole message, where every entry is a call of its own. */
  read(entry: JsonObject, position?: number): ToolCallDelta {
    const custom = entry["custom"]
    const told = isJsonObject(custom) ? custom : entry["function"]
    const body: JsonObject = isJsonObject(told) ? told : {}
    const upstreamId = filled(entry["id"])
    const name = filled(body["name"])
    const index = typeof entry["index"] === "number" ? entry["index"] : position

    const found = this.find(index, upstreamId, name)
    const isCustom = entry["type"] === "custom" || isJsonObject(custom)
    const call = found ?? this.known.push({ index, upstreamId, isCustom, isNamed: false }) - 1
    const known = this.known[call]
    const isNaming = name !== undefined && known?.isNamed === false
    if (isNaming) known.isNamed = true
    return {
      _tag: "ToolCallDelta",
      choice: this.choice,
      call,
      ...(known?.isCustom === true ? { isCustom: true } : {}),
      ...(found === undefined ? { id: this.unique(upstreamId, call) } : {}),
      ...(isNaming ? { name } : {}),
      arguments: argumentsText(isJsonObject(custom) ? body["input"] : body["arguments"])
    }
  }

  /** Which call goes on; undefined where a new one begins. */
  private find(index: number | undefined, id: string | undefined, name: string | undefined): number | undefined {
    if (index === undefined) {
      if (id !== undefined) {
        const same = this.known.findIndex((known) => known.upstreamId === id)
        return same === -1 ? undefined : same
      }
      const last = this.known.length - 1
      return last < 0 || (name !== undefined && this.known[last]?.isNamed === true) ? undefined : last
    }
    const at = this.known.findLastIndex((known) => known.index === index)
    if (at === -1) return undefined
    const before = this.known[at]?.upstreamId
    const isOther = id !== undefined && before !== undefined && id !== before && name !== undefined
    return isOther ? undefined : at
  }

  private unique(id: string | undefined, call: number): string {
    const own = id === undefined || this.ids.has(id) ? `call_${this.requestId}_${this.choice}_${call}` : id
    this.ids.add(own)
    return own
  }
}

/** Some servers send the arguments as an object. */
const argumentsText = (value: JsonObject[string]): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value)
