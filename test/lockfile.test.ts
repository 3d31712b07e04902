import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { missingBuilds, type Packages, withBuilds } from "../scripts/Lockfile.ts"

const text = readFileSync(new URL("../package-lock.json", import.meta.url), "utf8")
const { packages }: { packages: Packages } = JSON.parse(text)
const manifest: Record<string, unknown> = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))

describe("package-lock.json", () => {
  it("has every build for other platforms, without which `npm ci` refuses it (npm run lockfile)", () => {
    assert.deepStrictEqual(
      missingBuilds(packages).map(({ path }) => path),
      []
    )
  })

  it("belongs to this package.json", () => {
    const root = packages[""] as Record<string, unknown>
    for (const part of ["version", "dependencies", "devDependencies", "optionalDependencies"]) {
      assert.deepStrictEqual(root[part], manifest[part], part)
    }
  })

  it("pins every dependency to one version, and names no registry", () => {
    for (const part of ["dependencies", "devDependencies", "optionalDependencies"]) {
      for (const [name, version] of Object.entries(manifest[part] as Record<string, string>)) {
        assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
      }
    }
    assert.notInclude(text, `"${"resolved"}"`)
  })
})

describe("missingBuilds", () => {
  const tool = { version: "2.0.0", dev: true, optionalDependencies: { "@tool/binding-linux-arm64-musl": "2.0.0" } }
  const build = { version: "2.0.0", os: ["linux"], cpu: ["arm64"], libc: ["musl"], dev: true, optional: true }

  it("enters what a package asks for and nobody has, once, for its platform", () => {
    const before = { "": {}, "node_modules/tool": tool, "node_modules/zoo": { version: "1.0.0" } }
    const missing = missingBuilds(before)
    assert.deepStrictEqual(missing, [{ path: "node_modules/@tool/binding-linux-arm64-musl", entry: build }])
    const after = withBuilds(before, missing)
    assert.deepStrictEqual(Object.keys(after), [
      "",
      "node_modules/@tool/binding-linux-arm64-musl",
      "node_modules/tool",
      "node_modules/zoo"
    ])
    assert.deepStrictEqual(missingBuilds(after), [])
  })

  it("finds a build beside its package, or above it", () => {
    const path = "node_modules/vite/node_modules/tool"
    for (const place of ["node_modules/vite/node_modules/", "node_modules/"]) {
      assert.deepStrictEqual(missingBuilds({ [path]: tool, [`${place}@tool/binding-linux-arm64-musl`]: build }), [])
    }
  })

  it("takes no build of another version for the one that is asked for", () => {
    const other = { "node_modules/tool": tool, "node_modules/@tool/binding-linux-arm64-musl": { version: "1.9.0" } }
    assert.deepStrictEqual(missingBuilds(other), [
      { path: "node_modules/tool/node_modules/@tool/binding-linux-arm64-musl", entry: build }
    ])
  })

  it("leaves ranges alone: only npm can say what they come to", () => {
    assert.deepStrictEqual(missingBuilds({ "node_modules/x": { optionalDependencies: { fsevents: "~2.3.3" } } }), [])
  })
})
