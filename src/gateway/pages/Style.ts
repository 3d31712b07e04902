import { hash } from "node:crypto"

/** The pages' only style sheet. It stands in each page, which so needs nothing else to be loaded. */
export const style = `
:root { color-scheme: light dark; --ink: #16202c; --faint: #5b6876; --line: #d5dbe3; --page: #f3f5f8; --card: #fff;
  --accent: #1f5eff; --accent-ink: #fff; --link: #1746c4; --bad: #b3261e; --bad-page: #fdeceb; --good: #14613a; --good-page: #e6f4ec; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --faint: #9aa7b5; --line: #35404d; --page: #11161c;
  --card: #1a2129; --accent: #7aa2ff; --accent-ink: #0b1220; --link: #9ab8ff; --bad: #ff9d95; --bad-page: #3a1d1b; --good: #8fd9ae; --good-page: #15301f; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 26rem; margin: 0 auto; padding: 2rem 1rem; }
main.wide { max-width: 46rem; }
.brand { font-weight: 700; letter-spacing: .02em; margin: 0 0 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.5rem; margin: 0 0 1rem; }
h1 { font-size: 1.375rem; line-height: 1.25; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.0625rem; line-height: 1.35; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
p:last-child { margin-bottom: 0; }
label { display: block; font-weight: 600; margin: 0 0 1rem; }
input { display: block; width: 100%; margin-top: .25rem; padding: .625rem .75rem; font: inherit; font-weight: 400; color: inherit;
  background: var(--page); border: 1px solid var(--line); border-radius: .5rem; }
button { font: inherit; font-weight: 600; padding: .625rem 1rem; border-radius: .5rem; border: 1px solid var(--line);
  background: transparent; color: inherit; cursor: pointer; white-space: nowrap; overflow-wrap: normal; }
button:hover { border-color: currentColor; }
button.main { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
button.small { padding: .375rem .75rem; font-size: .875rem; color: var(--bad); }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.full { width: 100%; }
.choice { display: flex; gap: .75rem; flex-wrap: wrap; }
.choice button { flex: 1 1 8rem; }
.faint { color: var(--faint); font-size: .9375rem; }
.notice { background: var(--bad-page); color: var(--bad); border-radius: .5rem; padding: .75rem 1rem; }
.welcome { background: var(--good-page); color: var(--good); border-radius: .5rem; padding: .75rem 1rem; }
.hint { margin-top: -.5rem; }
a { color: var(--link); }
ul { margin: 0 0 1rem; padding: 0 0 0 1.25rem; }
ul.rows { list-style: none; padding: 0; }
ul:last-child { margin-bottom: 0; }
li { margin: 0 0 .25rem; overflow-wrap: anywhere; }
.rows > li { border-top: 1px solid var(--line); margin: 0; padding: .75rem 0; }
.card > .rows:first-child > li:first-child { border-top: 0; padding-top: 0; }
.rows > li:last-child { padding-bottom: 0; }
.row { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: center; justify-content: space-between; }
.row > :first-child { flex: 1 1 9rem; min-width: 0; }
.row > form { flex: none; }
.row + * { margin-top: .75rem; }
.wide > h2 { margin-top: 1.5rem; }
form { margin: 0; }
code { font-size: .9375em; }
`

/** As a Content-Security-Policy names it. */
export const styleHash = `'sha256-${hash("sha256", style, "base64")}'`
