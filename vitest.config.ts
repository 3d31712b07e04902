import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/PGliteArchive.ts"],
    // Importing Effect costs more than most tests do: files share a worker's modules. Nothing under test keeps global state.
    isolate: false,
    // Half of the time the tests wait for servers and processes that they have started: two workers even on one core.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000
  }
})
