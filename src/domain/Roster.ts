/** A place in a roster; empty once it was left. */
export interface Place<A> {
  item: A | undefined
  index: number
}

/**
 * Who is there now, in no order: for what comes and goes with each request.
 *
 * Not a `Set` or a `Map`. V8 makes a new table for one whenever enough has been deleted from it, and the old table keeps pointing to the new
 * one. Once an old table lies among the old objects, all later ones are held alive by their predecessors, with whatever was in them, until
 * the next full collection: each request that passed through would be copied twice by the collector though it is long done. In place of
 * 2 ms its pauses were 25.
 */
export class Roster<A> {
  private readonly places: Array<Place<A>> = []

  get size(): number {
    return this.places.length
  }

  enter(item: A): Place<A> {
    const place = { item, index: this.places.length }
    this.places.push(place)
    return place
  }

  /** False where it was left before. */
  leave(place: Place<A>): boolean {
    if (place.item === undefined) return false
    place.item = undefined
    const last = this.places.pop()
    if (last !== undefined && last !== place) {
      last.index = place.index
      this.places[place.index] = last
    }
    return true
  }

  /** As it is now: who leaves later does not change the list. */
  all(): ReadonlyArray<A> {
    return this.places.flatMap(({ item }) => (item === undefined ? [] : [item]))
  }

  /** All at once, whereupon nobody is there. */
  takeAll(): ReadonlyArray<A> {
    const all = this.all()
    for (const place of this.places) place.item = undefined
    this.places.length = 0
    return all
  }

  /** As they are now, each of which can be seen to be left. */
  allPlaces(): ReadonlyArray<Readonly<Place<A>>> {
    return [...this.places]
  }
}
