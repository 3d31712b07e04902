import { keepCompiled } from "./CompileCache.ts"

keepCompiled()
const { runWorker } = await import("./cluster/Worker.ts")
runWorker()
