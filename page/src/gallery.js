// gallery.js - the three examples. They are the same built-in programs as POST /api/examples/…; here they run as
// conversations of the offline analyst, so that the code can be watched, read, changed and run again.
import { current, open } from './conversation.js'
import { go, interpreter, sheet } from './state.js'

export const examples = [
  { id: 'data-analysis', name: 'Data analysis', thumb: 't-lines', what: 'A hundred sales: revenue by product, best region, weeks', ask: 'Run the data analysis example' },
  { id: 'math-computation', name: 'Math computation', thumb: 't-fit', what: 'Fibonacci numbers, primes, roots of polynomials, plots', ask: 'Run the math computation example' },
  { id: 'image-generation', name: 'Image generation', thumb: 't-heat', what: 'A heat map, a surface in three dimensions, a pie', ask: 'Run the image generation example' },
]

export function runExample(example) {
  sheet.value = ''
  interpreter.value = true
  go('')
  open('')
  const conversation = current.value
  if (conversation.entries.value.length) return null // it is on its way
  conversation.title.value = example.name
  return conversation.send(example.ask, { model: 'offline', chips: [] })
}
