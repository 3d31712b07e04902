import { Context, Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Browser as Chromium, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { debianPackage, DebianPackageError, onPath } from "./DebianPackage.ts"

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
const macOs = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
const program = "usr/lib/chromium/chromium"

const missing =
  "The tests of the pages need a real Chromium, which is not on the PATH: install it (apt-get install chromium, " +
  "dnf install chromium, or Google Chrome) and run them again. Debian's package could not be fetched:"

/** The machine's own Chromium, or Debian's package unpacked. */
const binary = Effect.gen(function* () {
  const own = onPath(...names) ?? (existsSync(macOs) ? macOs : undefined)
  if (own !== undefined) return { path: own, environment: {} }
  const { libraryPath, root } = yield* debianPackage("chromium", program, "120 MB").pipe(
    Effect.mapError(({ message }) => new DebianPackageError({ message: `${missing} ${message}` }))
  )
  const fonts = join(root, "etc/fonts-of-tests/fonts.conf")
  yield* Effect.promise(async () => {
    await mkdir(join(fonts, ".."), { recursive: true })
    await writeFile(fonts, fontConfiguration(root))
  })
  return { path: join(root, program), environment: { LD_LIBRARY_PATH: libraryPath, FONTCONFIG_FILE: fonts } }
})

/** Where a machine without fonts finds those that the package has brought. */
const fontConfiguration = (root: string) => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${root}/usr/share/fonts</dir>
  <cachedir>${root}/var/cache/fontconfig</cachedir>
</fontconfig>
`

/** Chromium makes no call of its own that a test would have to wait for, or that would leave the machine. */
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--no-proxy-server",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** A real browser, without a window. */
export class Browser extends Context.Service<Browser, Chromium>()("test/Browser") {
  /** Its folder is fresh, and gone afterwards. */
  static readonly layer = Layer.effect(
    Browser,
    Effect.gen(function* () {
      const { environment, path } = yield* Effect.orDie(binary)
      return yield* Effect.acquireRelease(
        Effect.promise(() =>
          chromium.launch({ executablePath: path, args: flags, env: { ...process.env, ...environment } })
        ),
        (browser) => Effect.promise(() => browser.close())
      )
    })
  )
}

/** A tab of a new profile: no other has its cookies. Nothing takes longer than some seconds. */
export const openTab = Effect.fnUntraced(function* (options: BrowserContextOptions = {}) {
  const browser = yield* Browser
  const context = yield* Effect.acquireRelease(
    Effect.promise(() => browser.newContext(options)),
    (context) => Effect.promise(() => context.close())
  )
  context.setDefaultTimeout(10_000)
  return yield* Effect.promise(() => context.newPage())
})

export type Tab = Page
