// arrangement.js - how its reader has arranged a notebook: notes of one's own, cells that were not run yet, what comes
// after what, what is hidden. The server knows executions and answers; all of this is one browser's memory.
import { signal } from '@preact/signals'
import { Cell } from './cells.js'
import { Turn } from './conversation.js'
import { remembered } from './state.js'

/** By conversation: {order: names, notes: {name: text}, hidden: names}. */
const kept = remembered('notebooks', {})
const none = { order: [], notes: {}, hidden: [] }
const of = (conversation) => kept.value[conversation.id.value] ?? none
function keep(conversation, change) {
  kept.value = { ...kept.value, [conversation.id.value]: { ...of(conversation), ...change } }
}

/** Cells that were not run yet are this visit's; there is always one to write into. */
const drafts = new WeakMap()
function draftsOf(conversation) {
  if (!drafts.has(conversation)) drafts.set(conversation, signal([new Cell({ byHand: true })]))
  return drafts.get(conversation)
}

const cellItem = (cell) => ({ kind: 'cell', key: cell.key, name: cell.name || cell.key, cell })

/** What the conversation has, in its order. */
function base(conversation) {
  return conversation.entries.value.flatMap((entry) => {
    if (!(entry instanceof Turn)) return [cellItem(entry)]
    const said = entry.items.value.map((item) => (item.cell ? cellItem(item.cell) : item.type === 'message' && item.text.value ? { kind: 'words', key: item.id, name: item.id, item } : null))
    return [{ kind: 'question', key: entry.key, name: entry.id.value || entry.key, turn: entry }, ...said.filter(Boolean)]
  })
}

const movable = (item) => ['cell', 'draft', 'note'].includes(item.kind)
const own = (item) => ['draft', 'note'].includes(item.kind)

/** All that a notebook shows, from above to below: [{kind, key, name, …}]. What nobody moved follows what it followed. */
export function itemsOf(conversation) {
  const { order, notes, hidden } = of(conversation)
  const all = [
    ...base(conversation),
    ...Object.entries(notes).map(([name, text]) => ({ kind: 'note', key: name, name, text })),
    ...draftsOf(conversation).value.map((cell) => ({ kind: 'draft', key: cell.key, name: cell.key, cell })),
  ]
  const known = new Map(all.flatMap((item) => [[item.key, item], [item.name, item]]))
  const list = [...new Set(order.map((name) => known.get(name)).filter(Boolean))]
  const placed = new Set(list)
  all.forEach((item, i) => {
    if (placed.has(item)) return
    let at = i ? list.indexOf(all[i - 1]) + 1 : 0
    while (at < list.length && own(list[at])) at++
    list.splice(at, 0, item)
    placed.add(item)
  })
  return list.filter((item) => !(item.kind === 'cell' && hidden.includes(item.name)))
}

const order = (conversation, list) => keep(conversation, { order: list.map((item) => item.name) })

/** Above or below what comes before or after it; false where there is nothing. */
export function move(conversation, item, by) {
  const list = itemsOf(conversation), at = list.findIndex((other) => other.key === item.key)
  if (!movable(item) || at < 0 || !list[at + by]) return false
  ;[list[at], list[at + by]] = [list[at + by], list[at]]
  order(conversation, list)
  return true
}

/** A new cell or note, after `item` or at the end; its key. */
export function insert(conversation, kind, item = null) {
  const made = kind === 'draft' ? new Cell({ byHand: true }) : { key: `note-${crypto.randomUUID()}` }
  const list = itemsOf(conversation)
  const at = item ? list.findIndex((other) => other.key === item.key) + 1 : list.length
  list.splice(at, 0, { kind, key: made.key, name: made.key })
  if (kind === 'draft') draftsOf(conversation).value = [...draftsOf(conversation).value, made]
  else write(conversation, made.key, '')
  order(conversation, list)
  return made.key
}

export const write = (conversation, note, text) => keep(conversation, { notes: { ...of(conversation).notes, [note]: text } })

/** A note and a cell that was not run go for good; one that was run is hidden, for the session remembers it. */
export function drop(conversation, item) {
  if (item.kind === 'cell') return keep(conversation, { hidden: [...of(conversation).hidden, item.name] })
  if (item.kind === 'draft') return taken(conversation, item.cell)
  const { [item.name]: _, ...notes } = of(conversation).notes
  keep(conversation, { notes })
}

/** A cell that was not run is none any more. */
export function taken(conversation, cell) {
  const list = draftsOf(conversation)
  list.value = list.value.filter((other) => other !== cell)
  if (!list.value.length) list.value = [new Cell({ byHand: true })]
}

/** Once a cell was run it has a name that lasts: its place is remembered by that. */
export const settle = (conversation) => { if (of(conversation).order.length) order(conversation, itemsOf(conversation)) }

export const hiddenOf = (conversation) => of(conversation).hidden.length
export const showHidden = (conversation) => keep(conversation, { hidden: [] })
