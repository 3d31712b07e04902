import { sections } from "../src/config/Variables.ts"

const begin = "<!-- variables: written by scripts/configuration-doc.ts from src/config/Variables.ts -->"
const end = "<!-- end of variables -->"

/** The page with its tables of variables as the code has them; what is written around them stays. */
export const withVariables = (page: string): string => {
  const start = page.indexOf(begin)
  const stop = page.indexOf(end)
  return start < 0 || stop < start
    ? `${page}\n${begin}\n\n${tables()}\n\n${end}\n`
    : `${page.slice(0, start)}${begin}\n\n${tables()}\n\n${page.slice(stop)}`
}

const tables = (): string =>
  sections
    .map(({ title, variables }) =>
      [
        `### ${title}`,
        "",
        "| variable | default | |",
        "|---|---|---|",
        ...Object.values(variables).map(({ description, name, shown }) => `| \`${name}\` | ${shown} | ${description} |`)
      ].join("\n")
    )
    .join("\n\n")
