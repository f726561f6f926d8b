// state.js - what the whole page shares: preferences, what the server offers, where one is. Signals only.
import { effect, signal } from '@preact/signals'

/** What this browser has under a key now, whichever tab wrote it; null if nothing readable. */
export function stored(key) {
  try { return JSON.parse(localStorage.getItem('cloche.' + key)) } catch { return null }
}
/** Keeps a value under a key; null keeps nothing there. */
export function store(key, value) {
  try {
    if (value === null) localStorage.removeItem('cloche.' + key)
    else localStorage.setItem('cloche.' + key, JSON.stringify(value))
  } catch { /* full, or forbidden */ }
}
/** All notes and arrangements go: they are one reader's. */
export function forgetNotebooks() {
  try { for (const key of Object.keys(localStorage)) if (/^cloche\.(notebook\.|replaced$)/.test(key)) localStorage.removeItem(key) } catch { /* there are none */ }
}

/** 128 random bits. crypto.randomUUID is missing where a server is reached over plain HTTP. */
export const randomId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')

/** A signal that this browser remembers. Private windows without storage just forget. */
export function remembered(key, initial) {
  const kept = signal(stored(key) ?? initial)
  let first = true
  effect(() => {
    const { value } = kept
    if (first) { first = false; return }
    store(key, value)
  })
  return kept
}

export const theme = remembered('theme', '')          // '' follows the system
export const leftOpen = remembered('left', true)
export const rightOpen = remembered('right', true)
export const leftWidth = remembered('left-width', 248)
export const rightWidth = remembered('right-width', 336)
export const chosenModel = remembered('model', '')    // '' is the server's default
export const chosenEnvironment = remembered('environment', '')
export const interpreter = remembered('interpreter', true)

export const models = signal([])
export const environments = signal([])
export const sheet = signal('')                       // on narrow screens: '', 'list' or 'session'
export const palette = signal(false)
export const dialog = signal(null)                    // a function that draws it
export const offline = signal(false)                  // the server does not answer
export const announcement = signal('')                // for screen readers, politely
/** Announces `text`. A region whose text does not change says nothing: the same sentence again differs by a blank. */
export const announce = (text) => { announcement.value = announcement.value === text ? text + '\u00a0' : text }
export const keyed = remembered('keyed', false)       // this browser holds a cookie in the place of a key
export const tick = signal(Date.now())                // advances while something runs
export const notice = signal('')                      // a sentence at the top, until it is closed

/** `#/conv_…` is a conversation, `#/conv_…/notebook` its cells; behind either, `/resp_…` is a turn in it, `/ci_…` or
 * `/exec_…` a cell. */
export const route = signal(parse())
function parse() {
  const [conversation = '', ...parts] = location.hash.replace(/^#\/?/, '').split('/')
  const notebook = parts[0] === 'notebook', place = parts[notebook ? 1 : 0] ?? ''
  return { conversation: /^conv_\w+$/.test(conversation) ? conversation : '', view: notebook ? 'notebook' : 'conversation', place: /^(resp|ci|exec)_\w+$/.test(place) ? place : '' }
}
addEventListener('hashchange', () => { route.value = parse(); sheet.value = '' })
export const go = (conversation, part = '') => { location.hash = conversation ? `#/${conversation}${part && '/' + part}` : '#/' }

effect(() => {
  const root = document.documentElement
  if (theme.value) root.dataset.theme = theme.value
  else delete root.dataset.theme
})
effect(() => {
  const root = document.documentElement
  root.style.setProperty('--region-left', leftWidth.value + 'px')
  root.style.setProperty('--region-right', rightWidth.value + 'px')
})
export const dark = () => (theme.value ? theme.value === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches)
