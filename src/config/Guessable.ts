const placeholder = /change[-_ ]?(me|this)|your[-_ ]|example|placeholder|password|insecure|super[-_ ]?secret/i

/**
 * True for a secret that nobody drew at random: few different characters, one repeated block, the alphabet, or a
 * placeholder out of a manual. It measures no entropy; it catches what people type and what they forget to replace.
 */
export const isGuessable = (secret: string): boolean =>
  new Set(secret).size < 8 || placeholder.test(secret) || isRepeatedBlock(secret) || isAlphabet(secret)

const isRepeatedBlock = (text: string): boolean =>
  Array.from({ length: Math.floor(text.length / 2) }, (_, index) => index + 1).some(
    (period) => text.slice(period) === text.slice(0, -period)
  )

const isAlphabet = (text: string): boolean => {
  const steps = Array.from(text.slice(1), (character, index) => character.charCodeAt(0) - text.charCodeAt(index))
  return steps.filter((step) => step === 1).length > steps.length * 0.8
}
