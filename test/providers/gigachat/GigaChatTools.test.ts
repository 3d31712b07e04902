import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { make } from "../../../src/providers/gigachat/GigaChatDialect.ts"
import { fault, violationsOf } from "../../support/GigaChatRules.ts"
import { callOf } from "./gigaChatCall.ts"
import tools from "./golden/tools.json" with { type: "json" }

const dialect = make("gigachat")
type Fields = Readonly<Record<string, unknown>>

const user = { role: "user", content: "Погода?" }
const lower = (fields: Fields, model?: string) => dialect.lower(callOf({ messages: [user], ...fields }, model))

/** As it stands on the wire; the strict upstream takes it. */
const wire = (fields: Fields): Fields => {
  const text = wireText(fields)
  assert.isUndefined(fault(JSON.parse(text), ["GigaChat-2"]))
  assert.deepStrictEqual(violationsOf(JSON.parse(text)), [])
  return JSON.parse(text)
}
const wireText = (fields: Fields): string => {
  const result = lower(fields)
  return Result.isFailure(result) ? assert.fail(result.failure.message) : JSON.stringify(result.success.body)
}

const refusal = (fields: Fields): { readonly reason: string; readonly param: string | undefined } => {
  const result = lower(fields)
  return Result.isSuccess(result)
    ? assert.fail("it was lowered")
    : { reason: result.failure.reason, param: result.failure.param }
}

const object = { type: "object", properties: {} }
const tool = (name: string, parameters: object | undefined = object) => ({
  type: "function",
  function: { name, description: "Функция", parameters }
})
const [f, g] = [tool("f"), tool("g")]
const choose = (name: string) => ({ type: "function", function: { name } })

describe("Tools for GigaChat", () => {
  it("are lowered as a reader of the API would write them", () => {
    const result = lower(tools.openai, "GigaChat-2-Max")
    if (Result.isFailure(result)) return assert.fail(result.failure.message)
    const body: unknown = JSON.parse(JSON.stringify(result.success.body))
    assert.deepStrictEqual(body, tools.gigachat)
    assert.deepStrictEqual(result.success.dropped, tools.dropped)
    assert.isUndefined(fault(body, ["GigaChat-2-Max"]))
  })

  it("may be called unless the caller says otherwise", () => {
    for (const fields of [{}, { tool_choice: "auto" }, { parallel_tool_calls: true }]) {
      const body = wire({ tools: [f, g], ...fields })
      assert.strictEqual(body["function_call"], "auto")
      assert.lengthOf(JSON.parse(JSON.stringify(body["functions"])), 2)
    }
    const custom = { type: "custom", custom: { name: "sh" } }
    for (const fields of [
      { tools: [f, custom], tool_choice: "none" },
      { tools: [] },
      { tools: [], tool_choice: "auto" }
    ]) {
      assert.doesNotHaveAnyKeys(wire(fields), ["functions", "function_call"])
    }
  })

  it("are forced by name, and the only one of them where one is required", () => {
    assert.deepStrictEqual(wire({ tools: [f, tool("a.b")], tool_choice: choose("a.b") })["function_call"], {
      name: "a_b"
    })
    assert.deepStrictEqual(wire({ tools: [f], tool_choice: "required" })["function_call"], { name: "f" })
  })

  it("are narrowed to those that are allowed", () => {
    const allowed = (mode: string, ...names: ReadonlyArray<string>) => ({
      tools: [f, g],
      tool_choice: { type: "allowed_tools", allowed_tools: { mode, tools: names.map(choose) } }
    })
    const described = { name: "g", description: "Функция", parameters: object }
    assert.deepInclude(wire(allowed("auto", "g")), { functions: [described], function_call: "auto" })
    assert.deepInclude(wire(allowed("required", "g")), { functions: [described], function_call: { name: "g" } })
    assert.deepStrictEqual(refusal(allowed("auto", "h")), { reason: "invalid_body", param: "tool_choice" })
  })

  const refused: ReadonlyArray<readonly [reason: string, param: string, fields: Fields]> = [
    ["unsupported_parameter", "tool_choice", { tools: [f, g], tool_choice: "required" }],
    ["unsupported_parameter", "tool_choice.type", { tools: [f], tool_choice: { type: "custom", custom: {} } }],
    ["unsupported_parameter", "tools[1].type", { tools: [f, { type: "custom", custom: { name: "sh" } }] }],
    ["invalid_body", "tool_choice", { tools: [f], tool_choice: choose("g") }],
    ["invalid_body", "tool_choice", { tool_choice: "required" }],
    ["invalid_body", "tools[0].function.parameters", { tools: [tool("f", { type: "string" })] }],
    ["invalid_body", "functions", { tools: [f], functions: [{ name: "g" }] }],
    ["invalid_body", "function_call", { tools: [f], function_call: { name: "f" } }],
    ["invalid_body", "function_call", { functions: [{ name: "g" }], function_call: { name: "f" } }],
    ["unsupported_parameter", "response_format", { response_format: { type: "json_object" } }],
    [
      "invalid_body",
      "response_format.json_schema.schema",
      { response_format: { type: "json_schema", json_schema: { name: "a" } } }
    ]
  ]
  for (const [reason, param, fields] of refused) {
    it(`are refused at ${param}: ${JSON.stringify(fields)}`, () => {
      assert.deepStrictEqual(refusal(fields), { reason, param })
    })
  }

  it("may be given by OpenAI's older names", () => {
    const body = wire({
      functions: [{ name: "f" }],
      function_call: { name: "f" },
      messages: [
        user,
        { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
        { role: "function", name: "f", content: "да" }
      ]
    })
    assert.deepStrictEqual(body["messages"], [
      user,
      { role: "assistant", content: "", function_call: { name: "f", arguments: {} } },
      { role: "function", name: "f", content: '{"result":"да"}' }
    ])
    assert.deepInclude(body, {
      functions: [{ name: "f", description: "f", parameters: object }],
      function_call: { name: "f" }
    })
    assert.doesNotHaveAnyKeys(wire({ functions: [{ name: "f" }], function_call: "none" }), ["functions"])
  })
})

describe("A schema for GigaChat's answer", () => {
  it("stands beside its type, in the subset", () => {
    const schema = { type: "object", properties: { a: { anyOf: [{ type: "integer" }, { type: "null" }] } } }
    const lowered = { type: "object", properties: { a: { type: "integer", description: "May be null" } } }
    const format = (json_schema: object) => wire({ response_format: { type: "json_schema", json_schema } })
    assert.deepStrictEqual(format({ name: "a", schema, strict: true })["response_format"], {
      type: "json_schema",
      schema: lowered,
      strict: true
    })
    assert.deepStrictEqual(format({ name: "a", schema })["response_format"], { type: "json_schema", schema: lowered })
  })
})

describe("Calls and their results, told to GigaChat", () => {
  const call = (id: string, text: string, name = "f") => ({ id, type: "function", function: { name, arguments: text } })
  const asks = (...calls: ReadonlyArray<object>) => ({ role: "assistant", content: null, tool_calls: calls })
  const result = (tool_call_id: string, content: unknown) => ({ role: "tool", tool_call_id, content })
  const told = (...messages: ReadonlyArray<object>) => wire({ messages: [user, ...messages] })["messages"]
  const called = (args: object, name = "f") => ({
    role: "assistant",
    content: "",
    function_call: { name, arguments: args }
  })
  const answered = (content: string, name = "f") => ({ role: "function", name, content })

  it("stand in pairs, in the order of the calls, though the results came in another", () => {
    assert.deepStrictEqual(
      told(asks(call("a", '{"n":1}'), call("b", '{"n":2}', "g")), result("b", '"B"'), result("a", '"A"')),
      [user, called({ n: 1 }), answered('"A"'), called({ n: 2 }, "g"), answered('"B"', "g")]
    )
  })

  it("stand in pairs though an instruction came between, or two calls have one id", () => {
    assert.deepStrictEqual(
      told(asks(call("a", ""), call("a", "")), result("a", "1"), { role: "system", content: "s" }, result("a", "2")),
      [{ role: "system", content: "s" }, user, called({}), answered("1"), called({}), answered("2")]
    )
  })

  it("belong to the message before them, where a later one uses the same id again", () => {
    assert.deepStrictEqual(told(asks(call("a", "")), result("a", "1"), asks(call("a", "", "g")), result("a", "2")), [
      user,
      called({}),
      answered("1"),
      called({}, "g"),
      answered("2", "g")
    ])
  })

  it("have their text with the first call, also where it was a message of its own", () => {
    const said = { role: "assistant", content: "Сейчас." }
    assert.deepStrictEqual(told(said, { ...asks(call("a", "")), content: "Узнаю." }, result("a", "1"), said, user), [
      user,
      { ...called({}), content: "Сейчас.\nУзнаю." },
      answered("1"),
      said,
      user
    ])
  })

  it("carry the state id that GigaChat gave, and none that it did not", () => {
    const id = "3f0c2a10-5b7e-4c55-9d1e-0a1b2c3d4e5f"
    assert.deepStrictEqual(told(asks(call(`call_${id}`, "")), result(`call_${id}`, "1")), [
      user,
      { ...called({}), functions_state_id: id },
      answered("1")
    ])
    for (const strange of [id, `call_${id}_0`, "call_abc", `toolu_${id}`]) {
      assert.deepStrictEqual(told(asks(call(strange, "")), result(strange, "1")), [user, called({}), answered("1")])
    }
  })

  it("have results of JSON text: a result that is some stays as it is, any other is wrapped", () => {
    const content = (given: unknown) => told(asks(call("a", "")), result("a", given))
    for (const [given, sent] of [
      ['{"t": 21.0}', '{"t": 21.0}'],
      ["21", "21"],
      ["", "{}"],
      ["21 °C", '{"result":"21 °C"}'],
      ["NaN", '{"result":"NaN"}'],
      ['{"t":', '{"result":"{\\"t\\":"}']
    ] as const) {
      assert.deepStrictEqual(content(given), [user, called({}), answered(sent)])
    }
    assert.deepStrictEqual(content([{ type: "text", text: "да" }]), [user, called({}), answered('{"result":"да"}')])
  })

  it("have arguments whose numbers stand as they stood", () => {
    const text = '{"id":12345678901234567890,"t":1.0,"s":"Тула","":2e1}'
    assert.include(wireText({ messages: [user, asks(call("a", text)), result("a", "")] }), `"arguments":${text}`)
  })

  it("are refused by the path of what is wrong with them", () => {
    const wrong = (...messages: ReadonlyArray<object>) => refusal({ messages: [user, ...messages] })
    for (const text of ["{bad", "[1]", '"a"', "1.0", "null"]) {
      assert.deepStrictEqual(wrong(asks(call("a", ""), call("b", text)), result("a", "1"), result("b", "1")), {
        reason: "invalid_body",
        param: "messages[1].tool_calls[1].function.arguments"
      })
    }
    const param = (param: string) => ({ reason: "invalid_body", param })
    assert.deepStrictEqual(wrong(result("a", "1")), param("messages[1].tool_call_id"))
    assert.deepStrictEqual(
      wrong(asks(call("a", "")), result("a", "1"), result("a", "2")),
      param("messages[3].tool_call_id")
    )
    assert.deepStrictEqual(wrong(asks(call("a", "")), user, result("a", "1")), param("messages[1].tool_calls[0].id"))
    assert.deepStrictEqual(
      wrong({ role: "assistant", function_call: { name: "f", arguments: "{" } }),
      param("messages[1].function_call.arguments")
    )
  })

  const words = Schema.Literals(["a", "b", "c"])
  it.effect.prop(
    "lose nothing, whatever the order of the results",
    { args: Schema.NonEmptyArray(Schema.Struct({ x: Schema.String, y: Schema.Array(words) })), turn: Schema.Int },
    ({ args, turn }) =>
      Effect.sync(() => {
        const calls = args.map((value, index) => call(`id${index}`, JSON.stringify(value)))
        const results = calls.map(({ id }, index) => result(id, JSON.stringify({ index })))
        const shift = Math.abs(turn) % results.length
        assert.deepStrictEqual(told(asks(...calls), ...results.slice(shift), ...results.slice(0, shift)), [
          user,
          ...args.flatMap((value, index) => [called(value), answered(JSON.stringify({ index }))])
        ])
      })
  )
})
