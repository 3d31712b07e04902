/** How fast an old measurement loses its say: to a third in that many milliseconds. */
const memory = 30_000

/**
 * Milliseconds to the first content, averaged so that a peak counts at once and is forgotten slowly: who has just been slow is not
 * called for the sake of a good hour before. An answer that comes whole is its own first content, so the two are kept apart.
 */
export class Speed {
  private average: number | undefined
  private measuredAt = 0

  get millis(): number | undefined {
    return this.average
  }

  measure(millis: number, now: number): void {
    const { average } = this
    if (average === undefined || millis > average) this.average = millis
    else {
      const weight = Math.exp(-Math.max(0, now - this.measuredAt) / memory)
      // However close together they come, each has some say.
      const old = Math.min(weight, 0.9)
      this.average = average * old + millis * (1 - old)
    }
    this.measuredAt = now
  }
}
