// session.js - what the session under glass is doing: asked for while somebody looks, more often while something runs.
// To look is no use of it: what is only watched expires in its time.
import { effect, signal } from '@preact/signals'
import { get, workspace } from './api.js'
import { current } from './conversation.js'
import { environments, offline, rightOpen, sheet } from './state.js'

export const files = signal([])
export const variables = signal({ data: [], stale: false })
export const cpu = signal(null) // percent of one core
export const seenAt = signal(0)

let last = null

async function look(conversation) {
  const id = conversation.container.value?.id
  if (!id) return
  await conversation.refreshSession()
  offline.value = false
  seenAt.value = Date.now()
  const usage = conversation.container.value?.usage
  if (usage) {
    const now = performance.now()
    if (last?.id === id && now > last.at) cpu.value = Math.max(0, Math.min(100 * 64, ((usage.cpu_ms - last.cpu) / (now - last.at)) * 100))
    last = { id, at: now, cpu: usage.cpu_ms }
  }
}

let asked = 0

/** Files and variables, after something ended. */
export async function lookInside() {
  const conversation = current.value, session = conversation?.container.value
  if (session?.status !== 'running') { files.value = []; variables.value = { data: [], stale: false }; return }
  const mine = ++asked
  const [listed, known] = await Promise.all([
    workspace(session.id), get(`/v1/containers/${session.id}/variables?touch=false`),
  ].map((p) => p.catch(() => null)))
  if (current.value !== conversation || mine !== asked) return
  if (listed) files.value = listed
  if (known) variables.value = known
  if (known?.stale && !conversation.busy.value) setTimeout(lookInside, 500) // the kernel says it is busy a moment longer
}

let timer = 0, watched = null
const visible = () => document.visibilityState === 'visible' && (sheet.value === 'session' || (rightOpen.value && innerWidth > 1152))

/** Begins watching; called once. */
export function watch() {
  const turn = async () => {
    clearTimeout(timer)
    const conversation = current.value
    const live = conversation?.container.value?.status === 'running'
    if (conversation && live && (visible() || conversation.busy.value || offline.value)) await look(conversation).catch((e) => { if (e.status === 0) offline.value = true })
    else if (offline.value) await get('/v1/models').then(() => { offline.value = false }).catch(() => {})
    timer = setTimeout(turn, conversation?.busy.value ? 1000 : 5000)
  }
  effect(() => {
    const conversation = current.value
    const key = `${conversation?.container.value?.id}/${conversation?.container.value?.status}/${conversation?.busy.value}/${conversation?.restarts.value}/${conversation?.cells.value.filter((cell) => !cell.busy).length}`
    if (key === watched) return
    if (!watched?.startsWith(`${conversation?.container.value?.id}/`)) { cpu.value = null; last = null; files.value = []; variables.value = { data: [], stale: false } }
    watched = key
    queueMicrotask(() => { lookInside(); turn() })
  })
  document.addEventListener('visibilitychange', turn)
  addEventListener('online', turn)
}

/** What the environment of a session is, for its line of words. */
export const environmentOf = (session) => environments.value.find((e) => e.name === session?.environment)
