// cells.js - one piece of code and what came of it, however it was started. A cell is the same object in the
// conversation, in the notebook and in the list of executions.
import { batch, signal } from '@preact/signals'
import { containerFileAddress, get } from './api.js'
import { pngSize } from './figure.js'

let made = 0

export class Cell {
  constructor({ key, container = '', code = '', status = 'new', byHand = false } = {}) {
    this.key = key ?? `cell-${++made}`
    this.container = container
    this.byHand = byHand
    this.code = signal(code)
    this.status = signal(status) // new, writing, queued, running, completed, error, timeout, interrupted, out_of_memory, killed
    this.outputs = signal([])
    this.execution = signal('')
    this.first = signal('') // the execution it began with: what it is called however often it is run again
    this.number = signal(0)
    this.startedAt = 0
    this.ms = signal(null)
    this.files = signal([])
    this.notes = signal([])
    this.lost = signal(false) // the variables went with it
    this.asks = signal(null)  // {prompt, password} while input() waits
    this.record = null
  }

  /** What names it in an address: the same after every reload, and after it was run again. */
  get name() { return /^(ci|exec)_/.test(this.key) ? this.key : this.first.value }
  get busy() { return ['writing', 'queued', 'running'].includes(this.status.value) }

  /** Adds what came while the code runs. Text of one stream grows in place. */
  add(output) {
    const outputs = this.outputs.value, last = outputs.at(-1)
    if (output.type === 'clear_output') { this.outputs.value = []; return }
    if (output.text !== undefined && last?.type === output.type) this.outputs.value = [...outputs.slice(0, -1), { ...last, text: last.text + output.text }]
    else this.outputs.value = [...outputs, this.#withSource(output)]
  }

  /** A figure of a stream is named, not sent: its address, and its size once the bytes are known. */
  #withSource(output) {
    const figure = output.data?.['image/png']
    if (typeof figure === 'string') return { ...output, src: `data:image/png;base64,${figure}`, ...pngSize(figure) }
    if (figure?.file_id) return { ...output, src: containerFileAddress(this.container, figure.file_id), bytes: figure.bytes, width: figure.width, height: figure.height }
    return output
  }

  begin(execution = '') {
    batch(() => {
      if (execution) { this.execution.value = execution; this.first.value ||= execution }
      this.status.value = 'running'
      this.startedAt = Date.now()
      this.outputs.value = []
      this.ms.value = null
    })
  }

  /** The stored execution, whole: what is shown from now on, the same after every reload. */
  settle(record) {
    batch(() => {
      this.record = record
      this.execution.value = record.id
      this.first.value ||= record.id
      this.container ||= record.container_id
      if (record.code != null && !this.code.value) this.code.value = record.code
      if (!record.status) { this.startedAt ||= record.created_at * 1000; this.status.value = 'running'; return }
      const before = this.outputs.value
      this.outputs.value = (record.outputs ?? []).map((output, i) => {
        const shown = this.#withSource(output)
        // the same picture is not loaded, and does not blink, twice
        return before[i]?.src && shown.src ? { ...shown, src: before[i].src } : shown
      })
      this.status.value = record.status
      this.number.value = record.execution_count ?? 0
      this.ms.value = record.duration_ms
      this.files.value = record.files ?? []
      this.notes.value = record.notes ?? []
      this.lost.value = record.state === 'reset'
      this.asks.value = null
    })
  }

  async fetch() {
    if (!this.container || !this.execution.value) return
    this.settle(await get(`/v1/containers/${this.container}/executions/${this.execution.value}?include=code`))
  }
}

const words = { new: 'not run', writing: 'being written', queued: 'waits', running: 'running', completed: 'completed', error: 'error', timeout: 'out of time', interrupted: 'interrupted', out_of_memory: 'out of memory', killed: 'ended' }
export const statusWord = (status) => words[status] ?? status
