import { keepCompiled } from "./CompileCache.ts"
import { collectForRequests } from "./GarbageCollection.ts"

collectForRequests()
keepCompiled()
const { runGateway } = await import("./Launch.ts")
runGateway()
