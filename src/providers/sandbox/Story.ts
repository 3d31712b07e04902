/**
 * A tale of some two hundred words that depends on nothing but its seed: long enough to be watched as it streams, and the
 * same in every test.
 */
export const story = (seed: string): string => {
  const pick = picker(seed)
  const hero = pick(heroes)
  const sentences = Array.from({ length: sentenceCount }, () => {
    const who = pick([hero, `the ${pick(companions)}`])
    return `${capitalised(pick(times))}, ${who} ${pick(deeds)} ${pick(places)}, and ${pick(outcomes)}.`
  })
  const opening = `Once there lived ${hero}, who had a ${pick(companions)} for company.`
  return [opening, ...sentences, `And so the tale of ${hero} ends where it began.`].join(" ")
}

const sentenceCount = 11

const heroes = ["Vera", "old Matvey", "Zoya", "Captain Lukin", "little Anya", "Professor Orlov"]
const companions = ["fox", "raven", "brass clock", "talking samovar", "cat", "folding bicycle"]
const times = [
  "one morning",
  "long after midnight",
  "before the first snow",
  "when the ice broke",
  "on the third day",
  "in the white nights"
]
const deeds = [
  "found a letter",
  "heard a bell",
  "lost the map",
  "lit a small lamp",
  "asked a stranger for the way",
  "counted the stars"
]
const places = [
  "by the frozen river",
  "under the old bridge",
  "in a station that no train passes",
  "at the edge of the forest",
  "on the roof of the library",
  "behind the lighthouse"
]
const outcomes = [
  "nobody believed it at first",
  "the wind carried the news ahead",
  "that changed the plan",
  "for a while all was quiet",
  "something answered from far away",
  "it was written down at once"
]

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** FNV-1a of the seed, then xorshift: 32 bits are plenty for a tale. */
const picker = (seed: string) => {
  let state = 0x811c9dc5
  for (let index = 0; index < seed.length; index++) {
    state = Math.imul(state ^ seed.charCodeAt(index), 0x01000193) >>> 0
  }
  return (choices: ReadonlyArray<string>): string => {
    state ^= state << 13
    state ^= state >>> 17
    state = (state ^ (state << 5)) >>> 0
    return choices[state % choices.length] ?? ""
  }
}
