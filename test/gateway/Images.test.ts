import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import { BadRequestError } from "openai"
import { eventually } from "../support/Eventually.ts"
import { beginnings, bmp, dataUrl, imagePart, png, textPart } from "../support/Images.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { allDeleted, ask, dot, host, model, question, Subject } from "./images.ts"

layer(Subject.layer, { excludeTestServices: true })("an image", (it) => {
  for (const stream of [false, true]) {
    it.effect(`in a data: URL reaches GigaChat as a file, which is gone afterwards (stream: ${stream})`, () =>
      Effect.gen(function* () {
        const { gigachat, openai } = yield* Subject
        const before = gigachat.uploaded.length
        const body = ask(question, imagePart(dot))
        const text = yield* Effect.promise(async () => {
          if (!stream) return (await openai.chat.completions.create(body)).choices[0]?.message.content
          const chunks = await Array.fromAsync(await openai.chat.completions.create({ ...body, stream }))
          return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")
        })
        assert.strictEqual(text, "Раз, два, три.")
        const [file, ...others] = gigachat.uploaded.slice(before)
        assert.deepStrictEqual(others, [])
        assert.strictEqual(file?.type, "image/png")
        assert.strictEqual(file?.filename, "image.png")
        assert.deepStrictEqual(Buffer.from(file?.bytes ?? []), Buffer.from(png()))
        assert.deepInclude(gigachat.chats().at(-1)?.body, {
          messages: [{ role: "user", content: "Что на картинке?", attachments: [file?.id] }]
        })
        yield* allDeleted(gigachat)
        assert.deepStrictEqual(gigachat.violations, [])
      })
    )
  }

  it.effect("stays as long as its stream runs, and is deleted when the client leaves", () =>
    Effect.gen(function* () {
      const { gigachat, openai } = yield* Subject
      const proceed = yield* Latch.make()
      gigachat.answer({ proceed })
      yield* Effect.promise(async () => {
        const stream = await openai.chat.completions.create({ ...ask(question, imagePart(dot)), stream: true })
        for await (const _ of stream) {
          assert.strictEqual(gigachat.files.size, 1)
          break
        }
        stream.controller.abort()
      })
      yield* gigachat.chats().at(-1)?.abandoned ?? Effect.die("no chat")
      yield* allDeleted(gigachat)
      gigachat.answer({ proceed: undefined })
    })
  )

  it.effect(
    "whose upload has begun when the client leaves is deleted all the same, and nothing is asked of the model",
    () =>
      Effect.gen(function* () {
        const { gateway, gigachat, key } = yield* Subject
        const chats = gigachat.chats().length
        const [arrived, goOn, removed] = yield* Effect.all([Latch.make(), Latch.make(), Latch.make()])
        gigachat.nextUpload(
          Scripted.steps(Scripted.tell(arrived), Scripted.wait(goOn), Scripted.json(200, { id: "late" }))
        )
        gigachat.nextDelete(Scripted.steps(Scripted.tell(removed), Scripted.json(200, { id: "late", deleted: true })))
        const asking = yield* Effect.forkChild(gateway.chat(key, ask(question, imagePart(dot))))
        yield* arrived.await
        yield* Fiber.interrupt(asking)
        yield* eventually(
          Effect.map(gateway.admin("GET", "/usage?status=cancelled"), ({ json }) => json.data.length >= 1)
        )
        yield* goOn.open
        yield* removed.await
        assert.strictEqual(gigachat.requests.at(-1)?.path, "/api/v1/files/late/delete")
        assert.strictEqual(gigachat.chats().length, chats)
      })
  )

  it.effect("that GigaChat does not take in is an error, never an answer without it", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, key } = yield* Subject
      const chats = gigachat.chats().length
      const broken = Scripted.json(500, { status: 500, message: "Internal Server Error" })
      for (const _ of [1, 2]) gigachat.nextUpload(broken)
      const { json, status } = yield* gateway.chat(key, ask(question, imagePart(dot)))
      assert.strictEqual(status, 502)
      assert.strictEqual(json.error.details.reason, "provider_failed")
      assert.match(json.error.message, /image could not be uploaded/)
      assert.strictEqual(json.error.details.attempts.length, 2)

      const refused = Scripted.json(422, { status: 422, message: "Invalid params: broken image" })
      gigachat.nextUpload(refused)
      const second = yield* gateway.chat(key, ask(question, imagePart(dot)))
      assert.strictEqual(second.status, 400)
      assert.strictEqual(second.json.error.param, "messages[0].content[1].image_url.url")
      assert.match(second.json.error.message, /broken image/)
      assert.strictEqual(gigachat.chats().length, chats)
    })
  )

  it.effect("is uploaded again where the call is tried again, and each of its files is deleted", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, key } = yield* Subject
      const before = gigachat.uploaded.length
      gigachat.next(Scripted.json(500, { status: 500, message: "Internal Server Error" }))
      const { status } = yield* gateway.chat(key, ask(question, imagePart(dot)))
      assert.strictEqual(status, 200)
      assert.strictEqual(gigachat.uploaded.length - before, 2)
      yield* allDeleted(gigachat)
    })
  )

  it.effect("that cannot be deleted does no harm to the answer", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, key } = yield* Subject
      const tried = yield* Latch.make()
      gigachat.nextDelete(Scripted.steps(Scripted.tell(tried), Scripted.json(500, { status: 500, message: "No" })))
      const { status } = yield* gateway.chat(key, ask(question, imagePart(dot)))
      assert.strictEqual(status, 200)
      yield* tried.await
      assert.strictEqual(gigachat.files.size, 1)
      // Nothing of it is left to the other tests.
      for (const id of gigachat.files.keys()) {
        yield* Effect.promise(() =>
          fetch(`${gigachat.baseUrl}/files/${id}/delete`, {
            method: "POST",
            headers: { authorization: String(gigachat.chats().at(-1)?.headers.authorization) }
          })
        )
      }
    })
  )

  it.effect("stands in a message of its own where a message has several, in order", () =>
    Effect.gen(function* () {
      const { gigachat, openai } = yield* Subject
      const before = gigachat.uploaded.length
      const second = dataUrl(bmp(), "image/bmp")
      yield* Effect.promise(() =>
        openai.chat.completions.create(
          ask(textPart("Первая:"), imagePart(dot), textPart("Вторая:"), imagePart(second), textPart("Сравни."))
        )
      )
      const files = gigachat.uploaded.slice(before)
      const idOf = (type: string) => files.find((file) => file.type === type)?.id
      assert.deepInclude(gigachat.chats().at(-1)?.body, {
        messages: [
          { role: "user", content: "Первая:", attachments: [idOf("image/png")] },
          { role: "user", content: "Вторая:\nСравни.", attachments: [idOf("image/bmp")] }
        ]
      })
      yield* allDeleted(gigachat)
    })
  )

  it.effect("is refused with its path before anything is called, where GigaChat would not take it", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, images, key, lookUps } = yield* Subject
      const before = [gigachat.requests.length, images.server.requests.length, lookUps.length]
      const path = "messages[0].content[1].image_url.url"
      const cases: ReadonlyArray<readonly [url: string, reason: string, message: RegExp]> = [
        [dataUrl(beginnings["image/webp"], "image/webp"), "unsupported_parameter", /JPEG, PNG, TIFF and BMP/],
        [dataUrl(beginnings["image/gif"], "image/gif"), "unsupported_parameter", /JPEG, PNG, TIFF and BMP/],
        [dataUrl(beginnings["image/webp"], "image/png"), "invalid_body", /declared as image\/png and is image\/webp/],
        [dataUrl(png(), "image/jpeg"), "invalid_body", /declared as image\/jpeg and is image\/png/],
        [dataUrl(Buffer.from("<html>")), "invalid_body", /declared as image\/png and is not one/],
        ["data:image/png;base64,%%%%", "invalid_body", /not written in base64/],
        ["data:image/png,dot", "invalid_body", /data:image\/png;base64/],
        ["http://169.254.169.254/latest/meta-data/", "invalid_body", /https address/],
        ["https://169.254.169.254/latest/meta-data/", "invalid_body", /not on the open Internet/],
        ["https://[::ffff:169.254.169.254]/", "invalid_body", /not on the open Internet/],
        ["https://2130706434/dot.png", "invalid_body", /not on the open Internet/],
        [`https://${host}:8443/dot.png`, "invalid_body", /port 443/],
        [`https://user:word@${host}/dot.png`, "invalid_body", /user or a password/],
        [`https://${"a.".repeat(200)}example/`, "invalid_body", /too long/],
        ["file:///etc/passwd", "invalid_body", /https address/],
        ["dot.png", "invalid_body", /https address/]
      ]
      for (const [url, reason, message] of cases) {
        const { json, status, text } = yield* gateway.chat(key, ask(question, imagePart(url)))
        assert.strictEqual(status, 400, url.slice(0, 60))
        assert.deepInclude(json.error, { code: "validation_error", param: path })
        assert.strictEqual(json.error.details.reason, reason)
        assert.match(json.error.message, message)
        assert.isBelow(text.length, 1000)
      }
      const eleven = Array.from({ length: 11 }, () => imagePart(dot))
      const many = yield* gateway.chat(key, ask(...eleven))
      assert.deepInclude(many.json.error, { param: "messages[0].content[10].image_url.url" })
      assert.deepStrictEqual([gigachat.requests.length, images.server.requests.length, lookUps.length], before)
    })
  )

  it.effect("is refused with its path by models that see nothing, and goes on as it is to those who take it", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, images, key, upstream, yandex } = yield* Subject
      const before = [gigachat.requests.length, yandex.completions.length, images.server.requests.length]
      for (const blind of ["gigachat/GigaChat-2", "yandexgpt/yandexgpt"]) {
        const { json, status } = yield* gateway.chat(key, { ...ask(question, imagePart(dot)), model: blind })
        assert.strictEqual(status, 400, blind)
        assert.deepInclude(json.error, { code: "validation_error", param: "messages[0].content[1]" })
        assert.strictEqual(json.error.details.reason, "unsupported_parameter")
      }
      const parts = [question, { ...imagePart(dot), detail: "low" }, imagePart("http://10.0.0.1/dot.png")]
      const passed = yield* gateway.chat(key, {
        ...ask(),
        model: "openai/gpt-test",
        messages: [{ role: "user", content: parts }]
      })
      assert.strictEqual(passed.status, 200)
      assert.deepInclude(upstream.requests.at(-1)?.body, { messages: [{ role: "user", content: parts }] })
      const echo = yield* gateway.chat(key, { ...ask(question, imagePart(dot)), model: "sandbox/echo" })
      assert.strictEqual(echo.json.choices[0].message.content, "Что на картинке?\n[image]")
      assert.deepStrictEqual(
        [gigachat.requests.length, yandex.completions.length, images.server.requests.length],
        before
      )
    })
  )

  it.effect("comes in by /v1/responses too, and who takes it is told by /v1/models", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, key, openai } = yield* Subject
      const before = gigachat.uploaded.length
      const asked = (model: string) =>
        Effect.promise(() =>
          openai.responses
            .create({
              model,
              input: [
                {
                  role: "user",
                  content: [
                    { type: "input_text", text: "Что тут?" },
                    { type: "input_image", image_url: dot, detail: "auto" }
                  ]
                }
              ]
            })
            .then(
              ({ output_text }) => output_text,
              (error: unknown) => error
            )
        )
      assert.strictEqual(yield* asked(model), "Раз, два, три.")
      const refused = yield* asked("gigachat/GigaChat-2")
      if (!(refused instanceof BadRequestError)) return assert.fail("it was not refused")
      assert.strictEqual(refused.param, "input")
      assert.notInclude(refused.message, "messages[")
      assert.strictEqual(gigachat.uploaded.length - before, 1)
      yield* allDeleted(gigachat)
      const modalities = (id: string) =>
        Effect.map(
          gateway.request(`/v1/models/${encodeURIComponent(id)}`, { headers: { authorization: `Bearer ${key}` } }),
          ({ json }) => json.architecture.input_modalities
        )
      assert.deepStrictEqual(yield* modalities(model), ["text", "image"])
      assert.deepStrictEqual(yield* modalities("gigachat/GigaChat-2"), ["text"])
    })
  )
})
