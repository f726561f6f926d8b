// api.js - requests to the server this page came from, and to no other. What fails is an ApiError whose message is a
// sentence. Nothing here knows what the page shows.
import { createParser } from 'eventsource-parser'
import { signal } from '@preact/signals'

/** True once a request was refused for want of a key: the page then asks for one. */
export const locked = signal(false)

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }
}

async function failure(response) {
  let body = null
  try { body = await response.json() } catch { /* not one of ours */ }
  const error = body?.error ?? {}
  if (response.status === 401) locked.value = true
  return new ApiError(response.status, error.code ?? error.type, error.message ?? body?.detail ?? `The server answered ${response.status}.`)
}

/** fetch with an error for every status that is none of success; a server that is away is status 0. */
export async function request(path, { json, ...options } = {}) {
  if (json !== undefined) options = { method: 'POST', ...options, body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }
  let response
  try {
    response = await fetch(path, options)
  } catch (e) {
    if (e.name === 'AbortError') throw e
    throw new ApiError(0, 'unreachable', 'The server does not answer.')
  }
  if (!response.ok) throw await failure(response)
  return response
}

export const get = async (path, options) => (await request(path, options)).json()
export const post = async (path, json = {}) => {
  const response = await request(path, { json })
  return response.status === 204 ? null : response.json()
}
export const remove = (path) => request(path, { method: 'DELETE' })

/** All pages of a list, oldest first unless told. */
export async function all(path, order = 'asc') {
  const items = []
  for (let after = ''; ;) {
    const page = await get(`${path}${path.includes('?') ? '&' : '?'}limit=100&order=${order}${after && '&after=' + after}`)
    items.push(...page.data)
    if (!page.has_more || !page.last_id) return items
    after = page.last_id
  }
}

/** Reads server-sent events until the stream's end: `events` gets each piece of the network as a list of objects. */
export async function stream(path, options, events) {
  const response = await request(path, options)
  const decoder = new TextDecoder(), reader = response.body.getReader()
  let batch = []
  const parser = createParser({ onEvent: (event) => batch.push(JSON.parse(event.data)) })
  for (;;) {
    let piece
    try {
      piece = await reader.read()
    } catch (e) {
      if (e.name === 'AbortError') throw e
      throw new ApiError(0, 'unreachable', 'The connection was lost.')
    }
    if (piece.done) return
    parser.feed(decoder.decode(piece.value, { stream: true }))
    if (batch.length) events(batch.splice(0))
  }
}

/** Sends a form with one file; `progress` gets 0 to 1. Only XMLHttpRequest tells how far an upload has come. */
export function upload(path, file, fields, progress) {
  return new Promise((resolve, reject) => {
    const form = new FormData(), call = new XMLHttpRequest()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', file, file.name)
    call.open('POST', path)
    call.responseType = 'json'
    call.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total)
    call.onload = () => {
      if (call.status < 300) return resolve(call.response)
      if (call.status === 401) locked.value = true
      reject(new ApiError(call.status, call.response?.error?.code, call.response?.error?.message ?? `The server answered ${call.status}.`))
    }
    call.onerror = () => reject(new ApiError(0, 'unreachable', 'The server does not answer.'))
    call.send(form)
  })
}

/** Figures that were shown have ids of files, and are none of the workspace. */
export const isFigure = (file) => /^\/mnt\/data\/(cfile_[0-9a-f]{32})\.(png|jpe?g|gif|webp)$/.exec(file.path)?.[1] === file.id

/** The files of a session, as its workspace has them. To look at them is no use of it. */
export const workspace = async (container) => (await all(`/v1/containers/${container}/files?touch=false`)).filter((file) => !isFigure(file))

export const fileAddress = (id) => `/v1/files/${id}/content`
export const containerFileAddress = (container, id) => `/v1/containers/${container}/files/${id}/content`
export const outputAddress = (container, execution, n) => `/v1/containers/${container}/executions/${execution}/outputs/${n}`
