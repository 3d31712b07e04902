import { keepCompiled } from "./CompileCache.ts"
import { clearYoungObjectsAlone } from "./GarbageCollection.ts"

clearYoungObjectsAlone()
keepCompiled()
const { runWorker } = await import("./cluster/Worker.ts")
runWorker()
