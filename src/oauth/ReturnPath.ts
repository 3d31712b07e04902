/**
 * Where a browser goes after it was signed in: a path of ours, and nothing that a browser could read as another host. `\` is a `/`
 * to browsers, and tabs and newlines are nothing to them.
 */
export const returnPath = (text: string | null | undefined): string | undefined =>
  typeof text === "string" &&
  text.length <= 16_384 &&
  /^\/(?![/\\])[\x21-\x7e]*$/.test(text) &&
  !/^\/[^?#]*(?:\\|%5c|%2f|%09|%0a|%0d)/i.test(text) &&
  !/^\/[^?#]*\/\//.test(text)
    ? text
    : undefined
