/** Numbers as people read them: short, with their units, and an en dash where there is none. */

const nothing = "–"

const known = (value: number | undefined, write: (value: number) => string): string =>
  value === undefined || !Number.isFinite(value) ? nothing : write(value)

/** `0`, `<0.1`, `0.3`, `12.5`, `480`, `1.2k`, `3.4M`. */
export const amount = (value: number | undefined): string =>
  known(value, (value) => {
    const [divisor, unit] = value >= 999_500 ? [1e6, "M"] : value >= 999.5 ? [1e3, "k"] : [1, ""]
    const scaled = value / divisor
    if (scaled > 0 && scaled < 0.05) return "<0.1"
    return `${scaled.toFixed(Number.isInteger(scaled) || scaled >= 99.95 ? 0 : 1)}${unit}`
  })

export const rate = (value: number | undefined): string => (value === undefined ? nothing : `${amount(value)}/s`)

/** A share from 0 to 1. What there is of it is never told as 0. */
export const percent = (share: number | undefined): string =>
  known(share, (share) => (share === 0 ? "0%" : share < 0.001 ? "<0.1%" : `${(share * 100).toFixed(1)}%`))

/** Seconds as the two largest units that say something. */
export const span = (seconds: number | undefined): string =>
  known(seconds, (seconds) => {
    if (seconds < 0.0995) return `${(seconds * 1000).toFixed(1)} ms`
    if (seconds < 0.9995) return `${(seconds * 1000).toFixed(0)} ms`
    if (seconds < 59.95) return `${seconds.toFixed(1)} s`
    const whole = Math.round(seconds)
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
    const minutes = Math.floor(whole / 60)
    if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
    return `${Math.floor(minutes / 1440)} d ${Math.floor(minutes / 60) % 24} h`
  })

export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`

/** Of any currency: cents, and as many more digits as a small sum needs. */
export const money = (value: number | undefined, currency: string): string =>
  known(value, (value) => `${value.toFixed(value === 0 || value >= 1 ? 2 : 4)} ${currency}`)

/** UTC, `12:34:56`. */
export const clock = (millis: number): string => new Date(millis).toISOString().slice(11, 19)
