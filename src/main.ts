import { keepCompiled } from "./CompileCache.ts"
import { clearYoungObjectsAlone } from "./GarbageCollection.ts"

clearYoungObjectsAlone()
keepCompiled()
const { runGateway } = await import("./Launch.ts")
runGateway()
