import { keepCompiled } from "./CompileCache.ts"
import { collectForRequests } from "./GarbageCollection.ts"

collectForRequests()
keepCompiled()
const { runWorker } = await import("./cluster/Worker.ts")
runWorker()
