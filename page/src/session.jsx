// session.jsx - the region on the right: the session under glass.
import { useState } from 'preact/hooks'
import { containerFileAddress } from './api.js'
import { Took } from './cell.jsx'
import { statusWord } from './cells.js'
import { current } from './conversation.js'
import { baseName, bytes, count, fileIcon, memory, plural, shortId, time } from './format.js'
import { Icon, IconButton, Menu } from './parts.jsx'
import { showCell } from './place.js'
import { Preview } from './preview.jsx'
import { Resizer } from './resizer.jsx'
import { cpu, files, seenAt, variables } from './session.js'
import { announce, chosenEnvironment, offline, rightOpen, sheet, tick } from './state.js'
import { exportNotebook } from './takeaway.js'

/** alive, running, expiring, expired, unknown or none. */
export function stateOf(conversation) {
  const session = conversation?.container.value
  if (!session) return 'none'
  if (offline.value) return 'unknown'
  if (session.status !== 'running') return 'expired'
  return conversation.busyCell.value ? 'running' : session.expires_at * 1000 - tick.value < 120_000 ? 'expiring' : 'alive'
}

const left = (ms) => (ms > 90_000 ? `${Math.ceil(ms / 60_000)} min` : `${Math.max(0, Math.ceil(ms / 1000))} s`)

function StateLine({ conversation }) {
  const state = stateOf(conversation), session = conversation.container.value
  const word = { none: 'No session yet', unknown: 'Not known', expired: 'Expired', running: 'Running', expiring: 'Expiring', alive: 'Alive' }[state]
  const cell = conversation.busyCell.value
  const what = {
    none: () => 'It begins with the first code that is run.',
    unknown: () => `as last seen at ${time(seenAt.value / 1000)}`,
    expired: () => session.status_reason ?? `at ${time(session.expires_at)}`,
    running: () => <>{cell.number.value ? `cell ${cell.number.value}` : 'a cell'} for <Took cell={cell} /></>,
    expiring: () => <>in {left(session.expires_at * 1000 - tick.value)} unless it is used. <button type="button" class="link" onClick={() => conversation.keep().catch((e) => announce(e.message))}>Keep it</button></>,
    alive: () => `expires in ${left(session.expires_at * 1000 - tick.value)} unless it is used`,
  }[state]()
  const shape = { running: 'running', alive: 'alive', expiring: 'alive', expired: 'expired', unknown: 'unknown', none: 'expired' }[state]
  return (
    <div class="state" data-state={state}>
      <svg class="glyph" data-state={shape} aria-hidden="true"><use href="#g-glass" />{shape !== 'unknown' && state !== 'none' && <use href={shape === 'expired' ? '#g-expired' : '#g-alive'} />}</svg>
      <div><p class="state__word" role="status">{word}</p><p class="state__what">{what}</p></div>
    </div>
  )
}

const Act = ({ icon, children, why, onClick, ...rest }) => (
  <button type="button" class="act" aria-disabled={why ? 'true' : undefined} title={why} onClick={why ? undefined : onClick} {...rest}><Icon name={icon} /><span>{children}</span></button>
)

export const exportItems = (conversation) => ['ipynb', 'py', 'html'].map((format) => (
  { label: { ipynb: 'Notebook', py: 'Python', html: 'One page' }[format], note: `.${format}`, icon: { ipynb: 'notebook', py: 'text', html: 'file' }[format], run: () => exportNotebook(conversation, format) }
)).concat({ label: 'All files', note: '.zip', icon: 'download', href: `/v1/containers/${conversation.container.value.id}/archive`, download: '' })

function Acts({ conversation }) {
  const session = conversation.container.value, live = session?.status === 'running'
  return (
    <div class="acts" role="toolbar" aria-label="Session">
      <Act icon="interrupt" why={conversation.busyCell.value ? '' : 'Nothing is running'} onClick={() => conversation.interrupt()}>Interrupt</Act>
      {session && !live ? <Act icon="restart" onClick={() => conversation.ensureSession()}>New</Act>
        : <Act icon="restart" why={live ? '' : 'There is no session yet'} onClick={() => conversation.restart()}>Restart</Act>}
      {live ? <Menu label="Export" end items={exportItems(conversation)} button={(props) => <Act icon="export" {...props}>Export</Act>} /> : <Act icon="export" why="There is nothing to export yet">Export</Act>}
    </div>
  )
}

function Gauge({ id, name, value, max, shown, of }) {
  const part = max ? Math.min(1, value / max) : 0
  return (
    <div class="gauge" data-near={part > 0.85 && id === 'memory' ? '' : undefined}>
      <span class="gauge__name" id={`gauge-${id}`}>{name}</span>
      <meter class="visually-hidden" aria-labelledby={`gauge-${id}`} min="0" max={max} value={value}>{shown}</meter>
      <span class="gauge__track"><span style={{ inlineSize: `${part * 100}%` }} /></span>
      <span class="gauge__value">{shown} <i>{of}</i></span>
    </div>
  )
}

function Gauges({ session }) {
  const usage = session?.status === 'running' ? session.usage : null
  if (!usage) return null
  return (
    <div class="gauges">
      <Gauge id="memory" name="Memory" value={usage.memory_bytes} max={usage.memory_limit_bytes} shown={memory(usage.memory_bytes)} of={`of ${memory(usage.memory_limit_bytes)}`} />
      <Gauge id="cpu" name="CPU" value={cpu.value ?? 0} max={100} shown={`${count(Math.round(cpu.value ?? 0))} %`} of="of 1 core" />
    </div>
  )
}

const Panel = ({ title, sum, children }) => (
  <details class="panel" open>
    <summary class="panel__title"><Icon name="chevron" />{title}<span class="panel__sum">{sum}</span></summary>
    {children}
  </details>
)

/** Rows of the tree: folders first seen where their first file stands. */
function rowsOf(list) {
  const rows = [], folders = new Map()
  for (const file of [...list].sort((a, b) => a.path.localeCompare(b.path))) {
    const parts = file.path.replace(/^\/mnt\/data\//, '').split('/')
    for (let depth = 1; depth < parts.length; depth++) {
      const key = parts.slice(0, depth).join('/')
      if (!folders.has(key)) { folders.set(key, { folder: key, name: parts[depth - 1], depth, files: 0 }); rows.push(folders.get(key)) }
      folders.get(key).files++
    }
    rows.push({ file, name: parts.at(-1), depth: parts.length, parents: parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('/')) })
  }
  return rows
}

function Files({ conversation }) {
  const [chosen, choose] = useState('')
  const [shut, setShut] = useState(new Set())
  const session = conversation.container.value
  const list = files.value
  const rows = rowsOf(list).filter((row) => !(row.parents ?? (row.folder.includes('/') ? [row.folder.slice(0, row.folder.lastIndexOf('/'))] : [])).some((folder) => shut.has(folder)))
  const file = list.find((f) => f.id === chosen)
  const toggle = (row) => {
    if (row.file) return choose(chosen === row.file.id ? '' : row.file.id)
    const next = new Set(shut)
    next.has(row.folder) ? next.delete(row.folder) : next.add(row.folder)
    setShut(next)
  }
  const key = (e, row) => {
    const items = [...e.currentTarget.parentNode.children], at = items.indexOf(e.currentTarget)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[e.key]
    if (to !== undefined && items[to]) { e.preventDefault(); items[to].focus() }
    if (e.key === 'Enter' || e.key === ' ' || (row.folder && ((e.key === 'ArrowRight') === shut.has(row.folder)) && e.key.startsWith('Arrow') && to === undefined)) { e.preventDefault(); toggle(row) }
  }
  return (
    <Panel title="Files" sum={list.length ? bytes(list.reduce((sum, f) => sum + f.bytes, 0)) : 'none'}>
      {list.length === 0 && <p class="quiet panel__empty">{session?.status === 'expired' ? 'They went with the session. Files you sent are kept: send them again to go on.' : 'What you send and what code writes lies here, in /mnt/data.'}</p>}
      {list.length > 0 && (
        <ul class="tree" role="tree" aria-label="Files in /mnt/data">
          {rows.map((row, i) => (
            <li key={row.file?.id ?? row.folder} role="treeitem" aria-level={row.depth} aria-selected={Boolean(row.file && row.file.id === chosen)} aria-expanded={row.folder ? !shut.has(row.folder) : undefined}
              class="leafrow" style={{ paddingInlineStart: `${0.5 + (row.depth - 1) * 1.5}rem` }} tabIndex={i === 0 ? 0 : -1} onClick={() => toggle(row)} onKeyDown={(e) => key(e, row)} draggable={Boolean(row.file)}
              onDragStart={(e) => row.file && e.dataTransfer.setData('DownloadURL', `application/octet-stream:${row.name}:${new URL(containerFileAddress(session.id, row.file.id), location)}`)}>
              <Icon name={row.folder ? 'folder' : fileIcon(row.name)} /><span class="leafrow__name">{row.name}</span><span class="leafrow__size">{row.folder ? plural(row.files, 'file') : bytes(row.file.bytes)}</span>
            </li>
          ))}
        </ul>
      )}
      {file && <Preview key={file.id} name={baseName(file.path)} size={file.bytes} href={containerFileAddress(session.id, file.id)} />}
    </Panel>
  )
}

function Variables() {
  const { data, stale } = variables.value
  const [whole, setWhole] = useState(false)
  const shown = whole ? data : data.slice(0, 12)
  return (
    <Panel title="Variables" sum={data.length ? `${shown.length < data.length ? `${shown.length} of ` : ''}${data.length}${stale ? ', before this cell' : ''}` : 'none'}>
      {data.length === 0 && <p class="quiet panel__empty">Code that runs leaves them here.</p>}
      {data.length > 0 && (
        <table class="vars"><colgroup><col /><col /><col /><col /></colgroup>
          <thead class="visually-hidden"><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Shape</th><th scope="col">Preview</th></tr></thead>
          <tbody>{shown.map((v) => <tr key={v.name}><th scope="row" title={v.name}>{v.name}</th><td title={v.type}>{v.type}</td><td>{v.shape ? v.shape.map((n) => count(n)).join(' × ') : ''}</td><td title={v.preview}>{v.preview}</td></tr>)}</tbody>
        </table>
      )}
      {shown.length < data.length && <button type="button" class="button button--small vars__all" onClick={() => setWhole(true)}>Show all {data.length}</button>}
    </Panel>
  )
}

function Executions({ conversation }) {
  const cells = conversation.cells.value
  const show = (e, cell) => { e.preventDefault(); sheet.value = ''; showCell(cell) }
  return (
    <Panel title="Executions" sum={count(cells.length)}>
      {cells.length === 0 && <p class="quiet panel__empty">Each piece of code that was run, newest first.</p>}
      <ol class="runs" reversed>
        {cells.toReversed().slice(0, 100).map((cell) => (
          <li class="run" key={cell.key} data-status={cell.status.value}>
            <a href={`#cell-${cell.key}`} onClick={(e) => show(e, cell)}><span class="run__count">{cell.number.value || ''}</span><code>{cell.code.value.split('\n').find((line) => line.trim() && !line.startsWith('#')) ?? cell.code.value.split('\n')[0]}</code>
              <span class="run__status">{['completed', 'running'].includes(cell.status.value) ? <Took cell={cell} /> : statusWord(cell.status.value)}</span></a>
          </li>
        ))}
      </ol>
    </Panel>
  )
}

export function Session({ conversation }) {
  const session = conversation.container.value
  const close = () => { sheet.value ? (sheet.value = '') : (rightOpen.value = false) }
  return (
    <aside class="side side--right" id="session" aria-label="Session">
      <Resizer side="right" />
      <div class="session">
        <div class="bar side__bar"><h2 class="side__title">Session</h2><span class="side__id" title={session?.id}>{session ? shortId(session.id) : chosenEnvironment.value}</span>
          <IconButton icon="x" label="Close the session" className="side__close" aria-expanded="true" aria-controls="session" onClick={close} /></div>
        <div class="side__body" tabIndex="0" role="region" aria-label="Session, in detail">
          <StateLine conversation={conversation} />
          <Acts conversation={conversation} />
          <Gauges session={session} />
          <Files conversation={conversation} />
          <Variables />
          <Executions conversation={conversation} />
        </div>
      </div>
    </aside>
  )
}
