import { subjects } from "./dialect-steps.ts"
const [name, step] = process.argv.slice(2)
const s = subjects.find((x) => x.name === name)!
const run = Object.entries(s.steps).find(([k]) => k.startsWith(step!))![1]
let units = 0
for (let i = 0; i < 30000; i++) run()
const best: number[] = []
for (let r = 0; r < 15; r++) { const a = process.cpuUsage(); units = 0; for (let i = 0; i < 8000; i++) units += run(); const b = process.cpuUsage(a); best.push((b.user + b.system) * 1000 / units) }
best.sort((x, y) => x - y)
console.log(name, step, "ns median", best[7]!.toFixed(0), "min", best[0]!.toFixed(0))
