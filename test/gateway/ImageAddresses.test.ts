import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { BadRequestError } from "openai"
import { beginnings, imagePart, png } from "../support/Images.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { allDeleted, ask, host, open, question, Subject } from "./images.ts"

layer(Subject.layer, { excludeTestServices: true })("an image", (it) => {
  it.effect("at an https address is fetched and uploaded", () =>
    Effect.gen(function* () {
      const { gigachat, images, openai } = yield* Subject
      const before = gigachat.uploaded.length
      images.answers.set(
        "/dot.png?size=1",
        Scripted.steps(
          Scripted.head(200, { "content-type": "image/png" }),
          Scripted.write(png().subarray(0, 20)),
          Scripted.write(png().subarray(20)),
          Scripted.end
        )
      )
      yield* Effect.promise(() =>
        openai.chat.completions.create(ask(question, imagePart(images.url("/dot.png?size=1"))))
      )
      const [file] = gigachat.uploaded.slice(before)
      assert.deepStrictEqual(Buffer.from(file?.bytes ?? []), Buffer.from(png()))
      const asked = images.server.requests.at(-1)
      assert.strictEqual(asked?.headers.host, `${host}:${images.port}`)
      assert.isUndefined(asked?.headers.authorization)
      assert.isUndefined(asked?.headers["traceparent"])
      yield* allDeleted(gigachat)
    })
  )

  it.effect("is fetched from the address that was checked, whatever its host's name stands for a moment later", () =>
    Effect.gen(function* () {
      const { gigachat, images, lookUps, names, openai } = yield* Subject
      const served = images.server.requests.length
      const looked = lookUps.length
      images.answers.set(
        "/pinned.png",
        Scripted.steps(Scripted.head(200, { "content-type": "image/png" }), Scripted.write(png()), Scripted.end)
      )
      names.set(host, [open, "10.0.0.1"])
      const picture = imagePart(images.url("/pinned.png"))
      yield* Effect.promise(() => openai.chat.completions.create(ask(question, picture)))
      assert.deepStrictEqual(lookUps.slice(looked), [host])
      assert.strictEqual(images.server.requests.length, served + 1)
      // The second look-up is the next request's, and refuses it.
      const chats = gigachat.chats().length
      const refused = yield* Effect.promise(() =>
        openai.chat.completions.create(ask(question, picture)).then(
          () => undefined,
          (error: unknown) => error
        )
      )
      names.set(host, [open])
      assert.instanceOf(refused, BadRequestError)
      assert.strictEqual(images.server.requests.length, served + 1)
      assert.strictEqual(gigachat.chats().length, chats)
    })
  )

  it.effect("behind a redirect, a wrong type or an error is refused with the reason, and nothing else is fetched", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, images, key } = yield* Subject
      const chats = gigachat.chats().length
      const typed = (type: string, bytes: Uint8Array) =>
        Scripted.steps(Scripted.head(200, { "content-type": type }), Scripted.write(bytes), Scripted.end)
      const cases: ReadonlyArray<readonly [path: string, step: Scripted.Step, message: RegExp]> = [
        ["/moved", Scripted.text(302, "", { location: "https://169.254.169.254/" }), /redirect, which is not followed/],
        ["/gone", Scripted.text(410, ""), /status 410/],
        [
          "/page",
          typed("text/html", Buffer.from("<html>")),
          /serves it as text\/html, and what is taken is image\/jpeg/
        ],
        ["/webp", typed("image/webp", beginnings["image/webp"]), /image\/webp/],
        ["/liar", typed("image/png", beginnings["image/jpeg"]), /not the image\/png/],
        [
          "/cut",
          Scripted.steps(
            Scripted.head(200, { "content-type": "image/png", "content-length": "99" }),
            Scripted.write(png()),
            Scripted.close
          ),
          /could not be fetched/
        ],
        [
          "/large",
          Scripted.steps(
            Scripted.head(200, { "content-type": "image/png", "content-length": "15000001" }),
            Scripted.hang
          ),
          /larger than 15 MB/
        ]
      ]
      for (const [path, step, message] of cases) {
        images.answers.set(path, step)
        const served = images.server.requests.length
        const { json, status } = yield* gateway.chat(key, ask(question, imagePart(images.url(path))))
        assert.strictEqual(status, 400, path)
        assert.strictEqual(json.error.param, "messages[0].content[1].image_url.url")
        assert.match(json.error.message, message)
        assert.strictEqual(images.server.requests.length, served + 1)
      }
      const unknown = yield* gateway.chat(key, ask(question, imagePart("https://nowhere.example/dot.png")))
      assert.strictEqual(unknown.status, 400)
      assert.match(unknown.json.error.message, /nowhere\.example does not resolve/)
      assert.strictEqual(gigachat.chats().length, chats)
    })
  )
})
