// conversation.js - the open conversation: its turns, the run that answers, cells run by hand, and the session they
// share. The server keeps all of it; this follows the server and says so where it is ahead of it.
import { batch, computed, signal } from '@preact/signals'
import { ApiError, all, get, post, remove, request, stream, upload } from './api.js'
import { Cell } from './cells.js'
import { memoryLimit } from './format.js'
import { announce, chosenEnvironment, chosenModel, go, interpreter, offline, randomId, remembered, route, store, stored } from './state.js'

export const conversations = signal([])
export const current = signal(null)
/** Which execution stands in the place of which, after a cell was edited and run again: this browser's memory. */
const replaced = remembered('replaced', {})

const PAST_MAX = 9 // sessions that are remembered: as many ids as one value of metadata holds

export class Turn {
  constructor({ id = '', question = '', files = [], at = Date.now() / 1000, state = 'pending' }) {
    this.key = id || `turn-${Math.random().toString(36).slice(2)}`
    this.id = signal(id)
    this.question = question
    this.files = files
    this.at = at
    this.state = signal(state) // pending, unsent, running, completed, incomplete, failed, cancelled
    this.items = signal([])
    this.error = signal(null)
    this.model = signal('')
    this.endedAt = signal(0)
    this.notices = signal([])
    this.sequence = -1
    this.abort = null
  }
  get cells() { return this.items.value.filter((item) => item.cell).map((item) => item.cell) }
  get running() { return this.state.value === 'running' || this.state.value === 'pending' }
}

export class Conversation {
  constructor(id = '', title = '') {
    this.id = signal(id)
    this.title = signal(title)
    this.entries = signal([])        // Turn, or Cell run by hand, in their order
    this.container = signal(null)    // the session as the server describes it
    this.restarts = signal(0)        // of its kernel, by hand
    this.loading = signal(false)
    this.chips = signal([])          // files in the composer
    this.text = signal('')
    this.waiting = signal('')        // a message kept until the run has ended
    this.limits = signal({})         // bytes of memory, by session
    this.past = []                   // sessions before this one, whose executions are still shown
    this.making = null               // the session that is being made, as a promise
    this.beginning = null            // this conversation, on the server, likewise
    this.turns = computed(() => this.entries.value.filter((entry) => entry instanceof Turn))
    this.running = computed(() => this.turns.value.find((turn) => turn.running) ?? null)
    this.cells = computed(() => this.entries.value.flatMap((entry) => (entry instanceof Turn ? entry.cells : [entry])).filter((cell) => cell.status.value !== 'new'))
    this.busyCell = computed(() => this.cells.value.find((cell) => cell.status.value === 'running') ?? null)
    this.busy = computed(() => Boolean(this.running.value || this.busyCell.value))
  }

  /* ---- the session ---- */

  /** The session that runs, or a new one: the same for all who ask while it is made. */
  ensureSession() {
    this.making ??= this.#session().finally(() => { this.making = null })
    return this.making
  }

  async #session() {
    // what was last heard may be old: a session whose time is up is asked about first
    if (this.container.value?.status === 'running' && this.container.value.expires_at * 1000 < Date.now() + 5000) {
      try { await this.keep() } catch (e) { if (e.status !== 404) throw e; this.container.value = { ...this.container.value, status: 'expired' } }
    }
    const known = this.container.value
    if (known?.status === 'running') return known
    const made = await post('/v1/containers', {
      name: this.title.value || 'page', ...(chosenEnvironment.value && { environment: chosenEnvironment.value }),
    })
    await this.#move(made)
    return made
  }

  /** `made` is the session from now on; what ran in the one before is still found. */
  async #move(made) {
    if (this.container.value) this.past = [...this.past, this.container.value.id].slice(-PAST_MAX)
    this.#know(made)
    if (this.id.value) await remember(this.id.value, { container: made.id, ...(this.past.length && { sessions: this.past.join(' ') }) })
  }

  #know(session) {
    this.container.value = session
    if (session) this.#limit(session)
  }

  #limit(session) {
    const bytes = memoryLimit(session)
    if (this.limits.value[session.id] !== bytes) this.limits.value = { ...this.limits.value, [session.id]: bytes }
  }

  /** What the server knows of it now. To look is no use of it. */
  refreshSession() { return this.#look('?touch=false') }
  /** The same, as a use: its time begins anew. */
  keep() { return this.#look('') }

  async #look(how) {
    const id = this.container.value?.id
    if (!id) return
    const now = await get(`/v1/containers/${id}${how}`)
    if (this.container.value?.id === id) this.#know(now)
  }

  /** Twice the memory for the session that runs, in place. */
  async raiseLimit() {
    const { id } = this.container.value
    const raised = await post(`/v1/containers/${id}`, { memory_limit: `${Math.round(memoryLimit(this.container.value) / 2 ** 19)}m` })
    if (this.container.value?.id === id) this.#know(raised)
    announce('The session has more memory.')
  }

  /** Closes its streams: the answers go on on the server. What has not arrived there, or is still to be sent, stays. */
  leave() {
    if (this.waiting.value) return
    for (const turn of this.turns.value) if (turn.running && turn.id.value) turn.abort?.abort()
  }

  #ensure(title) {
    if (this.id.value) return null
    this.beginning ??= this.#begin(title).finally(() => { this.beginning = null })
    return this.beginning
  }

  async #begin(title) {
    this.title.value ||= titleOf(title)
    const made = await post('/v1/conversations', { metadata: { title: this.title.value, ...(this.container.value && { container: this.container.value.id }) } })
    this.id.value = made.id
    conversations.value = [made, ...conversations.value]
    if (current.value === this) go(made.id, route.value.view === 'notebook' ? 'notebook' : '')
  }

  /* ---- files ---- */

  attach(file) {
    const chip = { key: randomId(), name: file.name, bytes: file.size, progress: signal(0), id: signal(''), error: signal('') }
    this.chips.value = [...this.chips.value, chip]
    chip.done = upload('/v1/files', file, { purpose: 'user_data' }, (part) => { chip.progress.value = part })
      .then((made) => { chip.progress.value = 1; chip.id.value = made.id })
      .catch((e) => { chip.error.value = e.message })
  }

  detach(chip) {
    this.chips.value = this.chips.value.filter((other) => other !== chip)
    if (chip.id.value) remove(`/v1/files/${chip.id.value}`).catch(() => {})
  }

  /* ---- asking ---- */

  async send(text, { model = chosenModel.value, chips = this.chips.value } = {}) {
    const files = chips.filter((chip) => !chip.error.value)
    const turn = new Turn({ question: text, files: files.map((chip) => ({ name: chip.name, bytes: chip.bytes, chip })) })
    this.entries.value = [...this.entries.value, turn]
    this.chips.value = []
    await this.#ask(turn, model)
  }

  async retry(turn) {
    turn.state.value = 'pending'
    turn.error.value = null
    await this.#ask(turn, chosenModel.value)
  }

  takeBack(turn) {
    turn.abort?.abort()
    this.entries.value = this.entries.value.filter((entry) => entry !== turn)
    this.text.value = paragraphs(turn.question, this.waiting.value, this.text.value)
    this.waiting.value = ''
    this.chips.value = [...turn.files.map((file) => file.chip).filter(Boolean), ...this.chips.value]
  }

  async #ask(turn, model) {
    turn.abort = new AbortController()
    try {
      await Promise.all(turn.files.map((file) => file.chip?.done))
      for (const file of turn.files) file.id = file.chip?.id.value || file.id
      const lost = turn.files.find((file) => !file.id)
      if (lost) throw new ApiError(400, 'upload', `${lost.name} was not uploaded: ${lost.chip?.error.value}`)
      const before = this.container.value?.id
      const session = interpreter.value || turn.files.length ? await this.ensureSession() : null
      if (before && session && session.id !== before) turn.notices.value = ['The session before had expired: this one begins without its files and variables.']
      await this.#ensure(turn.question || turn.files[0]?.name || 'Files')
      const content = [
        ...(turn.question ? [{ type: 'input_text', text: turn.question }] : []),
        ...turn.files.map((file) => ({ type: 'input_file', file_id: file.id })),
      ]
      await this.#follow(turn, '/v1/responses', {
        json: {
          model: model || 'default', input: [{ type: 'message', role: 'user', content }],
          conversation: this.id.value, store: true, background: true, stream: true, stream_options: { cloche_events: true },
          tools: session ? [{ type: 'code_interpreter', container: session.id }] : [],
        },
        signal: turn.abort.signal,
      })
    } catch (e) {
      if (e.name === 'AbortError') return
      if (turn.id.value) return this.#resume(turn, e)
      batch(() => { turn.state.value = 'unsent'; turn.error.value = e })
      this.#next(false)
    }
  }

  /** Follows the events of a response until its end; `turn` has all of them, once. */
  async #follow(turn, path, options) {
    await stream(path, options, (events) => batch(() => { for (const event of events) this.#event(turn, event) }))
    offline.value = false
    if (turn.running) { // a cancelled one ends without an event that says so
      const response = await get(`/v1/responses/${turn.id.value}`)
      if (['queued', 'in_progress'].includes(response.status)) throw new ApiError(0, 'unreachable', 'The connection was lost.')
      batch(() => this.#close(turn, response))
    }
    await this.#ended(turn)
  }

  async #resume(turn, reason) {
    for (let wait = 250; turn.running; wait = Math.min(wait * 2, 5000)) {
      if (reason instanceof ApiError && reason.status === 0) offline.value = true
      else if (reason) { batch(() => { turn.state.value = 'failed'; turn.error.value = reason }); return this.#next(false) }
      await new Promise((resolve) => setTimeout(resolve, wait))
      // what came after the last numbered event is told again: it is not shown twice
      for (const cell of turn.cells) if (cell.status.value === 'running') cell.outputs.value = []
      try {
        const after = turn.sequence >= 0 ? `&starting_after=${turn.sequence}` : ''
        return await this.#follow(turn, `/v1/responses/${turn.id.value}?stream=true&cloche_events=true${after}`, { signal: turn.abort?.signal })
      } catch (e) {
        if (e.name === 'AbortError') return
        reason = e
      }
    }
  }

  #event(turn, event) {
    if (event.sequence_number !== undefined) {
      if (event.sequence_number <= turn.sequence) return
      turn.sequence = event.sequence_number
    }
    offline.value = false
    const item = turn.items.value[event.output_index]
    switch (event.type) {
      case 'response.created':
        turn.id.value = event.response.id
        turn.state.value = 'running'
        turn.at = event.response.created_at
        if (current.value !== this) this.leave() // somebody went elsewhere while it was being sent
        break
      case 'response.in_progress': turn.model.value = event.response.model; break
      case 'response.output_item.added': turn.items.value = [...turn.items.value, this.#item(event.item)]; break
      case 'response.output_text.delta': case 'response.refusal.delta': case 'response.reasoning_summary_text.delta':
        item.text.value += event.delta; break
      case 'response.code_interpreter_call_code.delta': item.cell.code.value += event.delta; break
      case 'response.code_interpreter_call_code.done':
        item.cell.code.value = event.code
        item.cell.status.value = 'queued'
        break
      case 'response.code_interpreter_call.interpreting': item.cell.begin(); break
      case 'cloche.execution.output': item?.cell?.add(event.output); break
      case 'response.output_item.done': this.#itemDone(turn, item, event.item); break
      case 'response.completed': case 'response.failed': case 'response.incomplete': case 'response.cancelled':
        this.#close(turn, event.response); break
      case 'error': if (!turn.id.value) throw new ApiError(event.error?.status ?? 500, event.error?.code, event.error?.message ?? event.message); break
    }
  }

  #item(item) {
    if (item.type === 'code_interpreter_call') {
      const cell = new Cell({ key: item.id, container: item.container_id ?? this.container.value?.id, status: 'writing', code: item.code ?? '' })
      return { type: 'cell', id: item.id, cell }
    }
    return { type: item.type, id: item.id, text: signal(textOf(item)), done: signal(item.status === 'completed'), annotations: signal([]) }
  }

  #itemDone(turn, item, final) {
    if (!item) return
    if (!item.cell) {
      item.text.value = textOf(final) || item.text.value
      item.done.value = true
      item.annotations.value = final.content?.flatMap((part) => part.annotations ?? []) ?? []
      return
    }
    const { cell } = item
    cell.container = final.container_id ?? cell.container
    cell.files.value = final.files ?? []
    cell.execution.value = final.execution_id ?? ''
    if (cell.busy) cell.status.value = final.status === 'completed' ? 'completed' : final.status === 'failed' ? 'killed' : 'interrupted'
    if (final.execution_id) cell.fetch().then(() => announceCell(cell)).catch(() => {})
  }

  #close(turn, response) {
    turn.state.value = response.status
    turn.model.value = response.model
    turn.endedAt.value = response.completed_at ?? 0
    turn.notices.value = [...turn.notices.value, ...(response.cloche?.notices ?? []).map((n) => n.text ?? n)]
    if (response.error) turn.error.value = new ApiError(500, response.error.type ?? response.error.code, response.error.message)
    for (const cell of turn.cells) if (cell.busy) cell.status.value = 'interrupted'
  }

  async #ended(turn) {
    announce(turn.state.value === 'completed' ? 'The answer is complete.' : `The answer ended: ${turn.state.value}.`)
    await this.refreshSession().catch(() => {})
    this.#next(turn.state.value === 'completed')
  }

  /** The message kept until now: goes out after what ended well; after anything else it is the writer's again. */
  #next(well) {
    const next = this.waiting.value
    if (!next || this.busy.value) return
    this.waiting.value = ''
    if (well) this.send(next)
    else this.text.value = paragraphs(next, this.text.value)
  }

  /** Ends what runs: the answer, or a cell that was run by hand. */
  async stop() {
    const turn = this.running.value
    if (turn?.id.value) return post(`/v1/responses/${turn.id.value}/cancel`)
    if (turn) return this.takeBack(turn)
    return this.interrupt()
  }
  async interrupt() { if (this.container.value) await post(`/v1/containers/${this.container.value.id}/interrupt`) }
  async restart() {
    if (!this.container.value) return
    this.#know(await post(`/v1/containers/${this.container.value.id}/restart`))
    this.restarts.value++
    announce('The kernel is new: variables are gone, files are kept.')
  }

  /* ---- cells by hand ---- */

  /** Runs `code` in the session: in the place of `cell` when that was run before, else at the end. `started` is called
   * once the execution has its name. */
  async run(code, cell = null, started = () => {}) {
    const before = cell?.execution.value
    cell ??= new Cell({ byHand: true })
    if (cell.status.value === 'new') this.entries.value = [...this.entries.value, cell]
    batch(() => { cell.code.value = code; cell.status.value = 'queued'; cell.edited = Boolean(before) })
    try {
      const session = await this.ensureSession()
      await this.#ensure(code.split('\n')[0])
      cell.container = session.id
      await stream(`/v1/containers/${session.id}/execute`, { json: { code, stream: true } }, (events) => batch(() => {
        for (const event of events) this.#executionEvent(cell, event, started)
      }))
      if (before && cell.execution.value) replaced.value = { ...replaced.value, ...stored('replaced'), [before]: cell.execution.value }
      if (cell.busy) await this.#poll(cell)
    } catch (e) {
      if (cell.execution.value && cell.execution.value !== before) await this.#poll(cell)
      else batch(() => { cell.status.value = 'killed'; cell.notes.value = [e.message] })
    }
    await this.#cellEnded(cell)
    return cell
  }

  async #cellEnded(cell) {
    if (cell.busy) return // nobody looks any more
    announceCell(cell)
    await this.refreshSession().catch(() => {})
    this.#next(cell.status.value === 'completed')
  }

  #executionEvent(cell, event, started) {
    if (event.type === 'execution.started') { cell.begin(event.execution.id); started() }
    else if (event.type === 'execution.output') cell.add(event.output)
    else if (event.type === 'execution.input_requested') cell.asks.value = { prompt: event.prompt, password: event.password }
    else if (event.type === 'execution.completed') cell.settle(event.execution)
    else if (event.type === 'error' || event.error) batch(() => { cell.status.value = 'killed'; cell.notes.value = [event.error?.message ?? 'It did not run.'] })
  }

  async answerInput(cell, text) {
    cell.asks.value = null
    await post(`/v1/containers/${cell.container}/input`, { text })
  }

  /** An execution that goes on without a stream of ours: asked for until it has ended. */
  async #poll(cell) {
    while (cell.busy && current.value === this) {
      try { await cell.fetch() } catch (e) { if (e.status === 404) { cell.status.value = 'killed'; return } }
      if (cell.busy) await new Promise((resolve) => setTimeout(resolve, 700))
    }
  }

  /* ---- coming back to it ---- */

  async load() {
    this.loading.value = true
    try {
      const known = await get(`/v1/conversations/${this.id.value}`)
      this.title.value = known.metadata?.title || 'Conversation'
      const turns = (await all(`/v1/conversations/${this.id.value}/responses`)).map((row) => this.#turnOf(row))
      this.past = known.metadata?.sessions?.split(' ').filter((id) => /^cntr_\w+$/.test(id)) ?? []
      const containers = new Set([...this.past, known.metadata?.container, ...turns.flatMap((turn) => turn.cells.map((cell) => cell.container))].filter(Boolean))
      const records = (await Promise.all([...containers].map((id) => all(`/v1/containers/${id}/executions?include=code`).catch(() => [])))).flat()
      this.#place(turns, records)
      const newest = known.metadata?.container ?? [...containers].at(-1)
      for (const cell of this.cells.value) if (cell.status.value === 'out_of_memory' && cell.container !== newest) get(`/v1/containers/${cell.container}?touch=false`).then((its) => this.#limit(its), () => {})
      if (newest) this.#know(await get(`/v1/containers/${newest}?touch=false`).catch(() => null))
      for (const turn of turns) if (turn.running && current.value === this) { turn.abort = new AbortController(); turn.items.value = []; this.#resume(turn, null) }
      for (const cell of this.cells.value) if (cell.byHand && cell.busy) this.#poll(cell).then(() => this.#cellEnded(cell))
    } finally {
      this.loading.value = false
    }
  }

  #turnOf({ response, input }) {
    const message = input.findLast((item) => item.role === 'user') ?? {}
    const parts = Array.isArray(message.content) ? message.content : [{ type: 'input_text', text: message.content ?? '' }]
    const turn = new Turn({
      id: response.id, at: response.created_at, state: 'running',
      question: parts.filter((part) => part.type === 'input_text').map((part) => part.text).join('\n'),
      files: parts.filter((part) => part.type === 'input_file').map((part) => ({ name: part.filename ?? part.file_id, id: part.file_id, bytes: part.bytes })),
    })
    for (const file of turn.files) if (file.id) get(`/v1/files/${file.id}`).then((known) => { file.name = known.filename; file.bytes = known.bytes; turn.items.value = [...turn.items.value] }).catch(() => { file.gone = true })
    turn.items.value = response.output.map((item) => {
      const made = this.#item(item)
      if (made.cell) {
        made.cell.execution.value = item.execution_id ?? ''
        made.cell.files.value = item.files ?? []
        made.cell.status.value = item.status === 'completed' ? 'completed' : 'interrupted'
      } else {
        made.annotations.value = item.content?.flatMap((part) => part.annotations ?? []) ?? []
      }
      return made
    })
    if (['queued', 'in_progress'].includes(response.status)) return turn
    this.#close(turn, response)
    return turn
  }

  /** Puts executions into the cells that made them; what nobody asked a model for is a cell by hand. */
  #place(turns, records) {
    const byId = new Map(records.map((record) => [record.id, record]))
    const last = (id) => { while (replaced.value[id] && byId.has(replaced.value[id])) id = replaced.value[id]; return id }
    const used = new Set()
    const fill = (cell, id) => {
      const final = last(id)
      for (let at = id; at && !used.has(at); at = replaced.value[at]) used.add(at)
      if (!byId.has(final)) return
      if (final !== id) { cell.edited = true; cell.code.value = byId.get(final).code ?? cell.code.value }
      cell.settle(byId.get(final))
    }
    for (const turn of turns) for (const cell of turn.cells) if (cell.execution.value) fill(cell, cell.execution.value)
    const running = turns.find((turn) => turn.running)
    const hand = []
    for (const record of records) {
      if (used.has(record.id) || (running && !record.status)) continue
      const cell = new Cell({ key: record.id, container: record.container_id, code: record.code ?? '', byHand: true })
      cell.at = record.created_at
      fill(cell, record.id)
      hand.push(cell)
    }
    this.entries.value = [...turns, ...hand].sort((a, b) => (moment(a) < moment(b) ? -1 : 1))
  }
}

/** When it began: an id begins with its moment, finer than the seconds beside it. */
const moment = (entry) => entry.key.replace(/^\w+?_/, '')

/** The first words of a message: of pasted code, its first line. */
const titleOf = (text) => text.replace(/```\w*\n?/g, '').trim().split('\n')[0].replace(/\s+/g, ' ').slice(0, 80) || 'Conversation'

/** Texts, each a paragraph of its own; those without a word are none. */
export const paragraphs = (...texts) => texts.filter((text) => text.trim()).join('\n\n')

const textOf = (item) => (item.content ?? item.summary ?? []).map((part) => part.text ?? part.refusal ?? '').join('')

function announceCell(cell) {
  if (!cell.busy) announce(`Cell ${cell.number.value || ''} ${cell.status.value === 'completed' ? 'completed' : 'ended: ' + cell.status.value.replaceAll('_', ' ')}.`)
}

/* ---- which one is open ---- */

export async function loadConversations() {
  conversations.value = (await all('/v1/conversations', 'desc'))
}

export function open(id) {
  if (id && current.value?.id.value === id) return
  if (!id && current.value && !current.value.id.value) return
  const conversation = new Conversation(id), left = current.value
  current.value = conversation
  left?.leave()
  if (id) conversation.load().catch((e) => { if (current.value === conversation) { conversation.failed = e; conversation.loading.value = false; conversation.entries.value = [] } })
}

/** Changes parts of what the server keeps about a conversation: it takes metadata whole, so the rest is said again. */
async function remember(id, changes) {
  const { metadata } = await get(`/v1/conversations/${id}`)
  const kept = { ...metadata, ...changes }
  await post(`/v1/conversations/${id}`, { metadata: kept })
  conversations.value = conversations.value.map((c) => (c.id === id ? { ...c, metadata: kept } : c))
}

export async function rename(id, title) {
  const name = title.slice(0, 500)
  await remember(id, { title: name })
  if (current.value?.id.value === id) current.value.title.value = name
}

export async function forget(id) {
  await request(`/v1/conversations/${id}`, { method: 'DELETE' })
  conversations.value = conversations.value.filter((c) => c.id !== id)
  store(`notebook.${id}`, null)
  if (current.value?.id.value === id) go('')
}
