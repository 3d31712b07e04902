import { keepCompiled } from "./CompileCache.ts"

keepCompiled()
const { runGateway } = await import("./Launch.ts")
runGateway()
