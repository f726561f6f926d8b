// place.js - going to a turn or a cell: from an address, from the list of executions, from the palette.
import { useEffect } from 'preact/hooks'
import { route } from './state.js'

/** Brings `element` into view. What was never in view has a height that is only guessed, so that coming near changes
 * where things are: it is tried until it stays. */
export function showPlace(element, block = 'center') {
  if (!element) return
  let last = NaN, tries = 0
  const look = () => {
    element.scrollIntoView({ block })
    const now = element.getBoundingClientRect().top
    if (++tries < 10 && now !== last) { last = now; requestAnimationFrame(look) }
  }
  look()
}

/** To the cell, with the focus, so that the keyboard goes on from there. */
export function showCell(cell) {
  const there = document.getElementById(`cell-${cell.key}`)
  showPlace(there)
  there?.querySelector('summary, textarea')?.focus({ preventScroll: true })
}

/** Goes to what the address names, once it is there. */
export function usePlace(conversation, before = () => {}) {
  const { place } = route.value, loading = conversation.loading.value
  useEffect(() => {
    if (!place || loading) return
    before()
    const cell = conversation.cells.value.find((other) => [other.name, other.execution.value].includes(place))
    cell ? showCell(cell) : showPlace(document.getElementById(place), 'start')
  }, [place, loading])
}
