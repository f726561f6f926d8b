// arrangement.js - how its reader has arranged a notebook: notes of one's own, cells that were not run yet, what comes
// after what, what is hidden. The server knows executions and answers; all of this is one browser's memory.
import { effect, signal } from '@preact/signals'
import { Cell } from './cells.js'
import { current, Turn } from './conversation.js'
import { randomId, store, stored } from './state.js'

const none = { order: [], notes: {}, hidden: [] } // names, {name: text}, names
const keyOf = (conversation) => `notebook.${conversation.id.value}`

/** Names of what has none on the server yet mean something else on the next visit: they are not written down. */
const lasting = (name) => !/^(cell|turn)-/.test(name)

/** `order`, as it was written down, with what this visit alone knows behind what it was behind. */
function withPassing(order, before) {
  const list = [...order]
  before.forEach((name, i) => { if (!lasting(name)) list.splice(list.indexOf(before[i - 1]) + 1, 0, name) })
  return list
}

/** What is written down now, by whichever tab, for one that knows `kept`. */
function newest(conversation, kept) {
  const now = conversation.id.value ? stored(keyOf(conversation)) : null
  if (!now) return kept
  return { ...none, ...now, order: withPassing(now.order ?? [], kept.order), hidden: [...now.hidden ?? [], ...kept.hidden.filter((name) => !lasting(name))] }
}

const arrangements = new WeakMap()
function keptOf(conversation) {
  let kept = arrangements.get(conversation)
  if (kept) return kept
  kept = signal(newest(conversation, none))
  arrangements.set(conversation, kept)
  if (!conversation.id.value) effect(() => { if (conversation.id.value) save(conversation, kept.peek()) }) // arranged before it began
  return kept
}
const of = (conversation) => keptOf(conversation).value

function save(conversation, value) {
  if (conversation.id.value) store(keyOf(conversation), { ...value, order: value.order.filter(lasting), hidden: value.hidden.filter(lasting) })
}
function keep(conversation, change) {
  const now = newest(conversation, keptOf(conversation).peek())
  const value = { ...now, ...change(now) }
  keptOf(conversation).value = value
  save(conversation, value)
}
addEventListener('storage', ({ key }) => { // another tab wrote
  if (current.value?.id.value && key === 'cloche.' + keyOf(current.value)) keptOf(current.value).value = newest(current.value, of(current.value))
})

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

/** Notes of this visit; one that was left empty before it is none. */
const written = new Set()

/** All that a notebook has, from above to below: [{kind, key, name, …}]. What nobody moved follows what it followed. */
function allOf(conversation) {
  const { order, notes } = of(conversation)
  const all = [
    ...base(conversation),
    ...Object.entries(notes).filter(([name, text]) => text.trim() || written.has(name)).map(([name, text]) => ({ kind: 'note', key: name, name, text })),
    ...draftsOf(conversation).value.map((cell) => ({ kind: 'draft', key: cell.key, name: cell.key, cell })),
  ]
  const known = new Map(all.flatMap((item) => [[item.key, item], [item.name, item]]))
  const list = [...new Set(order.map((name) => known.get(name)).filter(Boolean))]
  const placed = new Set(list)
  all.forEach((item, i) => {
    if (placed.has(item)) return
    let at = item.kind === 'draft' ? list.length : i ? list.indexOf(all[i - 1]) + 1 : 0
    while (at < list.length && own(list[at])) at++
    list.splice(at, 0, item)
    placed.add(item)
  })
  return list
}

const isHidden = (conversation, item) => item.kind === 'cell' && of(conversation).hidden.includes(item.name)

/** The same without what is hidden: what a notebook shows. */
export const itemsOf = (conversation) => allOf(conversation).filter((item) => !isHidden(conversation, item))

const order = (conversation, list) => keep(conversation, () => ({ order: list.map((item) => item.name) }))

/** Above or below what comes before or after it; false where there is nothing. */
export function move(conversation, item, by) {
  const list = allOf(conversation), at = list.findIndex((other) => other.key === item.key)
  let to = at + by
  while (list[to] && isHidden(conversation, list[to])) to += by
  if (!movable(item) || at < 0 || !list[to]) return false
  ;[list[at], list[to]] = [list[to], list[at]]
  order(conversation, list)
  return true
}

/** A new cell or note, after `item` or at the end; its key. */
export function insert(conversation, kind, item = null) {
  const made = kind === 'draft' ? new Cell({ byHand: true }) : { key: `note-${randomId()}` }
  const list = allOf(conversation)
  const at = item ? list.findIndex((other) => other.key === item.key) + 1 : list.length
  list.splice(at, 0, { kind, key: made.key, name: made.key })
  if (kind === 'draft') draftsOf(conversation).value = [...draftsOf(conversation).value, made]
  else write(conversation, made.key, '')
  order(conversation, list)
  return made.key
}

export function write(conversation, note, text) {
  written.add(note)
  keep(conversation, ({ notes }) => ({ notes: { ...notes, [note]: text } }))
}

/** Writes a note down while it is being written: a reload keeps it, and nothing is drawn anew for a letter. */
export function jot(conversation, note, text) {
  written.add(note)
  const now = newest(conversation, of(conversation))
  save(conversation, { ...now, notes: { ...now.notes, [note]: text } })
}

/** A note and a cell that was not run go for good; one that was run is hidden, for the session remembers it. */
export function drop(conversation, item) {
  if (item.kind === 'cell') return keep(conversation, ({ hidden }) => ({ hidden: [...hidden, item.name] }))
  if (item.kind === 'draft') return taken(conversation, item.cell)
  keep(conversation, ({ notes: { [item.name]: _, ...notes } }) => ({ notes }))
}

/** A cell that was not run is none any more. */
export function taken(conversation, cell) {
  const list = draftsOf(conversation)
  list.value = list.value.filter((other) => other !== cell)
  if (!list.value.length) list.value = [new Cell({ byHand: true })]
}

/** Once a cell was run it has a name that lasts: its place is remembered by that. */
export const settle = (conversation) => { if (of(conversation).order.length) order(conversation, allOf(conversation)) }

export const hiddenOf = (conversation) => of(conversation).hidden.length && allOf(conversation).filter((item) => isHidden(conversation, item)).length
export const showHidden = (conversation) => keep(conversation, () => ({ hidden: [] }))
