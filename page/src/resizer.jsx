// resizer.jsx - the width of an outer region, by mouse and by keyboard.
import { leftWidth, rightWidth } from './state.js'

const sides = {
  left: { width: leftWidth, min: 200, max: 400, label: 'Width of the conversations', controls: 'list', sign: 1 },
  right: { width: rightWidth, min: 264, max: 560, label: 'Width of the session', controls: 'session', sign: -1 },
}

export function Resizer({ side }) {
  const { width, min, max, label, controls, sign } = sides[side]
  const set = (value) => { width.value = Math.max(min, Math.min(max, Math.round(value))) }
  const key = (e) => {
    const step = { ArrowLeft: -16, ArrowRight: 16 }[e.key]
    if (step) { e.preventDefault(); set(width.value + sign * step) }
    if (e.key === 'Home') set(min)
    if (e.key === 'End') set(max)
  }
  const down = (e) => {
    const from = e.clientX, before = width.value, target = e.currentTarget
    target.setPointerCapture(e.pointerId)
    target.onpointermove = (move) => set(before + sign * (move.clientX - from))
    target.onpointerup = () => { target.onpointermove = null }
  }
  return <div class={`resizer resizer--${side}`} role="separator" tabIndex="0" aria-orientation="vertical" aria-label={label} aria-controls={controls} aria-valuemin={min} aria-valuemax={max} aria-valuenow={width.value} onKeyDown={key} onPointerDown={down} />
}
