/** A frame that is rendered once, but for the text in it: that holds nothing which JSON would write otherwise. */
export const slots = (frame: (slot: string) => string): ((text: string) => string) => {
  const [before = "", after = ""] = frame("%slot%").split("%slot%")
  return (text) => before + text + after
}
