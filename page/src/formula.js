// formula.js - KaTeX, fetched when the first formula appears.
import katex from 'katex'
import { style } from './style.js'

await style('formula')

export function render(tex, element, displayMode) {
  katex.render(tex, element, { displayMode, throwOnError: false, trust: false, strict: 'ignore', maxSize: 40, maxExpand: 500 })
}
