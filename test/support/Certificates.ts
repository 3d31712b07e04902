import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"

/** Certificates of a day, made here and now: X.509 v3 (RFC 5280) over P-256, for 127.0.0.1 unless another host is named. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface Authority {
  readonly cert: string
  readonly issue: (name: string, host?: string) => Certificate
}

export const makeAuthority = (name: string): Authority => {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" })
  return {
    cert: certificate({
      subject: name,
      issuer: name,
      publicKey: keys.publicKey,
      signedBy: keys.privateKey,
      extension: basicConstraints
    }),
    issue: (subject, host) => {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" })
      return {
        cert: certificate({
          subject,
          issuer: name,
          publicKey: own.publicKey,
          signedBy: keys.privateKey,
          extension: alternativeName(host)
        }),
        key: own.privateKey.export({ type: "pkcs8", format: "pem" }).toString()
      }
    }
  }
}

const certificate = (of: {
  readonly subject: string
  readonly issuer: string
  readonly publicKey: KeyObject
  readonly signedBy: KeyObject
  readonly extension: Buffer
}): string => {
  const day = 86_400_000
  const now = Date.now()
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    distinguished(of.issuer),
    sequence(time(now - day), time(now + day)),
    distinguished(of.subject),
    of.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(of.extension))
  )
  const signature = sign("sha256", body, of.signedBy)
  const whole = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature))
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? []
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n")
}

// DER

const der = (tag: number, ...content: ReadonlyArray<Buffer>): Buffer => {
  const body = Buffer.concat(content)
  const size = body.length
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const sequence = (...content: ReadonlyArray<Buffer>) => der(0x30, ...content)
const integer = (bytes: Buffer) => der(0x02, bytes)
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"))
const time = (millis: number) =>
  der(
    0x17,
    Buffer.from(
      `${new Date(millis)
        .toISOString()
        .replaceAll(/[-:T]|\.\d+/g, "")
        .slice(2, 14)}Z`
    )
  )
const distinguished = (name: string) => sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name)))))

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"))
const yes = der(0x01, Buffer.from([0xff]))
const basicConstraints = sequence(oid("551d13"), yes, der(0x04, sequence(yes)))
const alternativeName = (host: string | undefined) => {
  const name = host === undefined ? der(0x87, Buffer.from([127, 0, 0, 1])) : der(0x82, Buffer.from(host))
  return sequence(oid("551d11"), der(0x04, sequence(name)))
}
