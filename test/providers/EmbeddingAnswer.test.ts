import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readEmbeddings } from "../../src/providers/EmbeddingAnswer.ts"

const teller = { provider: "openai" }
const read = (body: unknown, count: number) =>
  readEmbeddings(teller, count, typeof body === "string" ? body : JSON.stringify(body))

const failed = (body: unknown, count: number) => {
  const result = read(body, count)
  if (Result.isSuccess(result)) return assert.fail("It was read")
  assert.strictEqual(result.failure.reason, "provider_invalid_answer")
  return result.failure.message
}

describe("an answer of vectors", () => {
  it("is put in the order of the texts, whatever order it came in", () => {
    const data = [
      { index: 2, embedding: [3] },
      { index: 0, embedding: [1] },
      { index: 1, embedding: [2] }
    ]
    assert.deepStrictEqual(Result.getOrThrow(read({ data }, 3)).vectors, [[1], [2], [3]])
  })

  it("is in the order of the texts where it tells no index", () => {
    const data = [{ embedding: [1] }, { embedding: [2] }]
    assert.deepStrictEqual(Result.getOrThrow(read({ data }, 2)).vectors, [[1], [2]])
  })

  it("is read from base64 too, little-endian whatever the machine", () => {
    const embedding = Buffer.from([0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc1]).toString("base64")
    assert.deepStrictEqual(Result.getOrThrow(read({ data: [{ index: 0, embedding }] }, 1)).vectors, [[1, -10]])
  })

  it("has its usage in all, or by the vector, or not", () => {
    const item = (index: number, prompt_tokens: unknown) => ({ index, embedding: [1], usage: { prompt_tokens } })
    const tokens = (body: unknown, count: number) => Result.getOrThrow(read(body, count)).promptTokens
    assert.strictEqual(tokens({ data: [item(0, 6), item(1, "7")] }, 2), 13)
    assert.strictEqual(tokens({ data: [item(0, 6)], usage: { prompt_tokens: 5 } }, 1), 5)
    assert.strictEqual(tokens({ data: [{ embedding: [1] }], usage: {} }, 1), undefined)
    assert.strictEqual(tokens({ data: [item(0, -3)] }, 1), 0)
  })

  it("is none with another number of vectors than there were texts", () => {
    assert.include(failed({ data: [{ index: 0, embedding: [1] }] }, 2), "1 vectors for 2 texts")
    assert.include(failed({ data: [{ embedding: [1] }, { embedding: [1] }] }, 1), "2 vectors for 1 texts")
    assert.include(failed({ data: [] }, 1), "0 vectors")
  })

  it("is none where two vectors are of one text", () => {
    const data = [
      { index: 0, embedding: [1] },
      { index: 0, embedding: [2] }
    ]
    assert.include(failed({ data }, 2), "no vector of index 1")
  })

  it("is none where a vector is not one", () => {
    for (const embedding of [undefined, null, [], ["1"], [1, null], {}, "", "AAA=", "AACAfw=="]) {
      assert.include(failed({ data: [{ index: 0, embedding }] }, 1), "vector that cannot be read", String(embedding))
    }
    assert.include(failed('{"data":[{"index":0,"embedding":[1e999]}]}', 1), "vector that cannot be read")
    assert.include(failed({ data: [7] }, 1), "vector that cannot be read")
  })

  it("is none where it is something else altogether", () => {
    for (const body of ["<html>", "[]", "{}", '{"data":{}}', "", '{"data":null}']) {
      assert.include(failed(body, 1), "no list of vectors", body)
    }
  })
})
