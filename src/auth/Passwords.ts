import { Context, Effect, Layer, Redacted, Semaphore } from "effect"
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto"

/** Cost 2^ln, block size r, parallelism p (RFC 7914). */
interface Cost {
  readonly ln: number
  readonly r: number
  readonly p: number
}

/** Of passwords that are hashed from now on: 32 MiB and some 60 ms each, unless a test asks for less. */
export const PasswordCost = Context.Reference<Cost>("xrouter/auth/PasswordCost", {
  defaultValue: () => ({ ln: 15, r: 8, p: 1 })
})

const saltBytes = 16
const keyBytes = 32
const form = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** Passwords as they are kept: `$scrypt$ln=15,r=8,p=1$<salt>$<key>`, base64 without padding (the PHC string format). */
export class Passwords extends Context.Service<
  Passwords,
  {
    readonly hash: (password: Redacted.Redacted) => Effect.Effect<string>
    /** Takes as long where there is no hash: how long an answer takes does not tell whether the user exists. */
    readonly verify: (password: Redacted.Redacted, hash: string | undefined) => Effect.Effect<boolean>
  }
>()("xrouter/auth/Passwords") {
  static readonly layer = Layer.effect(
    Passwords,
    Effect.gen(function* () {
      const cost = yield* PasswordCost
      // The derivations run on Node's few worker threads, which also look up names and read files.
      const atOnce = yield* Semaphore.make(2)
      const derive = (password: Redacted.Redacted, salt: Buffer, cost: Cost, size: number) =>
        atOnce.withPermit(
          Effect.callback<Buffer>((resume) => {
            const options = { N: 2 ** cost.ln, r: cost.r, p: cost.p, maxmem: 256 * 2 ** cost.ln * cost.r }
            scrypt(Redacted.value(password).normalize("NFC"), salt, size, options, (error, key) =>
              resume(error === null ? Effect.succeed(key) : Effect.die(error))
            )
          })
        )

      const hash = Effect.fn("Passwords.hash")(function* (password: Redacted.Redacted) {
        const salt = randomBytes(saltBytes)
        return encode(cost, salt, yield* derive(password, salt, cost, keyBytes))
      })

      const nobody = encode(cost, randomBytes(saltBytes), randomBytes(keyBytes))
      const verify = Effect.fn("Passwords.verify")(function* (password: Redacted.Redacted, hash: string | undefined) {
        const kept = decode(hash ?? nobody)
        if (kept === undefined) return yield* Effect.die(new Error("A password's hash has no form that is known"))
        const key = yield* derive(password, kept.salt, kept.cost, kept.key.length)
        return timingSafeEqual(key, kept.key) && hash !== undefined
      })

      return Passwords.of({ hash, verify })
    })
  )
}

const encode = ({ ln, r, p }: Cost, salt: Buffer, key: Buffer): string =>
  `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(key)}`

const unpadded = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "")

const decode = (hash: string) => {
  const [, ln, r, p, salt, key] = form.exec(hash) ?? []
  if (ln === undefined || r === undefined || p === undefined || salt === undefined || key === undefined)
    return undefined
  return {
    cost: { ln: Number(ln), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt, "base64"),
    key: Buffer.from(key, "base64")
  }
}
