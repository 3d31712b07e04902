import { assert, describe, it } from "@effect/vitest"
import type { ToolCallDelta } from "../../../src/domain/ChatEvent.ts"
import { chunk, stream, told } from "./openAiCall.ts"

/** The calls of a stream of such entries, one chunk each. */
const calls = (...entries: ReadonlyArray<unknown>): ReadonlyArray<ToolCallDelta> =>
  told(stream(...entries.map((entry) => chunk({ tool_calls: [entry] })), chunk({}, "tool_calls"))).filter(
    (event) => event._tag === "ToolCallDelta"
  )

/** As a client puts them together. */
const joined = (...entries: ReadonlyArray<unknown>) => {
  const whole: Array<{ id: string | undefined; name: string | undefined; arguments: string }> = []
  for (const { call, id, name, arguments: piece } of calls(...entries)) {
    const known = whole[call]
    if (known === undefined) whole[call] = { id, name, arguments: piece }
    else {
      assert.isUndefined(id)
      known.name ??= name
      known.arguments += piece
    }
  }
  return whole
}

const weather = { id: "call_a", name: "weather", arguments: '{"city":"Тула"}' }
const time = { id: "call_b", name: "time", arguments: "{}" }

describe("Tool calls of a stream", () => {
  it("come with id and name once, and arguments in pieces", () => {
    assert.deepStrictEqual(
      calls(
        { index: 0, id: "call_a", type: "function", function: { name: "weather", arguments: "" } },
        { index: 0, function: { arguments: '{"a"' } },
        { index: 0, function: { arguments: ":1}" } }
      ),
      [
        { _tag: "ToolCallDelta", choice: 0, call: 0, id: "call_a", name: "weather", arguments: "" },
        { _tag: "ToolCallDelta", choice: 0, call: 0, arguments: '{"a"' },
        { _tag: "ToolCallDelta", choice: 0, call: 0, arguments: ":1}" }
      ]
    )
  })

  it("of custom tools come in pieces too, said to be such with each", () => {
    assert.deepStrictEqual(
      calls(
        { index: 0, id: "call_a", type: "function", function: { name: "time", arguments: "{}" } },
        { index: 1, id: "call_b", type: "custom", custom: { name: "sql", input: "" } },
        { index: 1, custom: { input: "select" } },
        { index: 1, custom: { input: " 1" } },
        { index: 1, id: "", function: { arguments: "" } }
      ),
      [
        { _tag: "ToolCallDelta", choice: 0, call: 0, id: "call_a", name: "time", arguments: "{}" },
        { _tag: "ToolCallDelta", choice: 0, call: 1, isCustom: true, id: "call_b", name: "sql", arguments: "" },
        { _tag: "ToolCallDelta", choice: 0, call: 1, isCustom: true, arguments: "select" },
        { _tag: "ToolCallDelta", choice: 0, call: 1, isCustom: true, arguments: " 1" },
        { _tag: "ToolCallDelta", choice: 0, call: 1, isCustom: true, arguments: "" }
      ]
    )
  })

  for (const [how, entries, expected] of [
    [
      "with empty id, type and name in later pieces",
      [
        { index: 0, id: "call_a", type: "function", function: { name: "weather", arguments: '{"city"' } },
        { index: 0, id: "", type: "", function: { name: "", arguments: ':"Тула"}' } }
      ],
      [weather]
    ],
    [
      "with id and name repeated in every piece",
      [
        { index: 0, id: "call_a", function: { name: "weather", arguments: '{"city"' } },
        { index: 0, id: "call_a", function: { name: "weather", arguments: ':"Тула"}' } }
      ],
      [weather]
    ],
    [
      "with the pieces of two calls in turns",
      [
        { index: 0, id: "call_a", function: { name: "weather", arguments: '{"city"' } },
        { index: 1, id: "call_b", function: { name: "time", arguments: "{" } },
        { index: 0, function: { arguments: ':"Тула"}' } },
        { index: 1, function: { arguments: "}" } }
      ],
      [weather, time]
    ],
    [
      "without any index",
      [
        { id: "call_a", function: { name: "weather", arguments: '{"city"' } },
        { function: { arguments: ':"Тула"}' } },
        { id: "call_b", function: { name: "time", arguments: "{" } },
        { id: "call_b", function: { arguments: "}" } }
      ],
      [weather, time]
    ],
    [
      "with one index for all",
      [
        { index: 0, id: "call_a", function: { name: "weather", arguments: '{"city":"Тула"}' } },
        { index: 0, id: "call_b", function: { name: "time", arguments: "{}" } }
      ],
      [weather, time]
    ],
    [
      "with indexes that do not begin at 0",
      [{ index: 3, id: "call_a", function: { name: "weather", arguments: '{"city":"Тула"}' } }],
      [weather]
    ],
    [
      "with the name after the first piece",
      [
        { index: 0, id: "call_a", function: { arguments: "" } },
        { index: 0, function: { name: "weather", arguments: '{"city":"Тула"}' } }
      ],
      [weather]
    ],
    [
      "without arguments",
      [{ index: 0, id: "call_a", function: { name: "weather", arguments: null } }],
      [{ ...weather, arguments: "" }]
    ],
    [
      "without an id or an index, by their names",
      [
        { function: { name: "weather", arguments: '{"city"' } },
        { function: { arguments: ':"Тула"}' } },
        { function: { name: "time", arguments: "{}" } }
      ],
      [
        { ...weather, id: "call_req_1_0_0" },
        { ...time, id: "call_req_1_0_1" }
      ]
    ],
    [
      "with an id that comes too late",
      [
        { index: 0, function: { name: "weather", arguments: '{"city"' } },
        { index: 0, id: "call_a", function: { arguments: ':"Тула"}' } }
      ],
      [{ ...weather, id: "call_req_1_0_0" }]
    ]
  ] as const) {
    it(`are told apart and put together ${how}`, () => {
      assert.deepStrictEqual<unknown>(joined(...entries), expected)
    })
  }
})
