import { type ChildProcess, spawn } from "node:child_process"
import { Socket } from "node:net"

/**
 * A test worker that is killed runs no finalizers. A shell waits at the end of a pipe from this process, and when the pipe
 * closes before the server has ended, ends it and removes its folder.
 */
export const endWithUs = (child: ChildProcess, pid: number, folder: string) => {
  const script =
    'read -r word; [ "$word" = ended ] || { kill -s KILL "$0"; for _ in 1 2 3 4 5; do sleep 0.2; rm -rf "$1" && break; done; }'
  const watch = spawn("sh", ["-c", script, `${pid}`, folder], { stdio: ["pipe", "ignore", "ignore"], detached: true })
  watch.unref()
  child.once("exit", () => watch.stdin.end("ended\n"))
  if (watch.stdin instanceof Socket) watch.stdin.unref()
}
