import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Importing Effect costs more than most tests do: files share a worker's modules. Nothing under test keeps global state.
    isolate: false,
    testTimeout: 20_000,
    hookTimeout: 60_000
  }
})
