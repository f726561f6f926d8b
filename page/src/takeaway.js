// takeaway.js - what leaves the page: a text that is copied, a file that is saved, the notebook as its reader has arranged it.
import { request } from './api.js'
import { itemsOf } from './arrangement.js'
import { paragraphs } from './conversation.js'
import { announce, notice } from './state.js'

export function save(name, blob) {
  const a = document.createElement('a')
  a.href = URL.createObjectURL(blob)
  a.download = name
  a.click()
  setTimeout(() => URL.revokeObjectURL(a.href), 1000)
}

/** Copies `text` as a selection: the only way where there is no navigator.clipboard. */
function copySelected(text) {
  const focused = document.activeElement, area = document.createElement('textarea')
  area.className = 'visually-hidden'
  area.readOnly = true
  area.value = text
  area.addEventListener('copy', (e) => { e.preventDefault(); e.clipboardData.setData('text/plain', text) }) // a selection loses tabs
  document.body.append(area)
  area.focus({ preventScroll: true })
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  focused?.focus({ preventScroll: true })
  return copied
}

/** Puts `text` on the clipboard; true if it is there. Browsers have navigator.clipboard on this machine and over HTTPS alone. */
export async function copyText(text) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text)
    else if (!copySelected(text)) throw new Error('this browser does not allow it.')
  } catch (e) {
    notice.value = `Nothing was copied: ${e.message}`
    return false
  }
  announce('It is copied.')
  return true
}

const markdown = (source, role) => ({ type: 'markdown', source, role })

/** An execution that the server has is named, and brings its figures; of any other there is only the code. */
const code = ({ record, code }) => (record ? { type: 'code', container_id: record.container_id, execution_id: record.id } : { type: 'code', source: code.value })

const cellOf = {
  question: ({ turn }) => markdown(paragraphs(turn.question, ...turn.files.map((file) => `*File: \`${file.name}\`*`)), 'user'),
  words: ({ item }) => markdown(item.text.value, 'assistant'),
  note: ({ text }) => markdown(text),
  cell: ({ cell }) => code(cell),
  draft: () => null,
}

/** The notebook as it is shown, notes and all: the server has what was run, this browser what stands where. */
export async function exportNotebook(conversation, format) {
  try {
    const cells = itemsOf(conversation).map((item) => cellOf[item.kind](item)).filter((cell) => cell && cell.source?.trim() !== '')
    const answer = await request(`/v1/notebooks?format=${format}`, { json: { title: conversation.title.value, cells } })
    save(`${conversation.container.value?.id ?? 'notebook'}.${format}`, await answer.blob())
  } catch (e) {
    notice.value = `The notebook was not exported: ${e.message}`
  }
}
