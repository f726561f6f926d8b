// turns.jsx - the conversation as one flowing document: what was asked, and the answer with its cells.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { containerFileAddress, fileAddress } from './api.js'
import { CellView } from './cell.jsx'
import { Turn, current } from './conversation.js'
import { baseName, bytes, duration, fileIcon, plural, time } from './format.js'
import { Button, Code, Icon, Pre } from './parts.jsx'
import { usePlace } from './place.js'
import { Prose } from './prose.jsx'
import { announce } from './state.js'

/** A file to take away; dragged out of the window it is a file on the desktop. */
export function FileChip({ name, size, href, gone }) {
  if (gone || !href) return <li class="chip" data-gone><Icon name={fileIcon(name)} /><span class="chip__name">{name}</span><span class="chip__size">{gone ? 'expired' : size != null ? bytes(size) : ''}</span></li>
  const drag = (e) => e.dataTransfer.setData('DownloadURL', `application/octet-stream:${name}:${new URL(href, location)}`)
  return (
    <li class="chip">
      <a class="chip__link" href={href} download={name} draggable onDragStart={drag}><Icon name={fileIcon(name)} /><span class="chip__name">{name}</span>{size != null && <span class="chip__size">{bytes(size)}</span>}</a>
      <a class="chip__get" href={href} download={name} aria-label={`Download ${name}`} title={`Download ${name}`}><Icon name="download" /></a>
    </li>
  )
}

const madeOf = (turn) => {
  const made = new Map()
  for (const cell of turn.cells) for (const file of cell.files.value) made.set(file.path, { ...file, container: cell.container })
  return [...made.values()]
}

/** What was asked, in pieces: words, and code between fences. */
export function Asked({ text }) {
  const pieces = (text || 'Analyse the files').split(/^```(\w*)\n([\s\S]*?)(?:\n)?^```[ \t]*$/m)
  const shown = []
  for (let i = 0; i < pieces.length; i += 3) {
    if (pieces[i].trim()) shown.push(<h2 class="question" key={i}>{pieces[i].trim()}</h2>)
    if (pieces[i + 2] !== undefined) shown.push(<div class="asked code" key={i + 1}><Pre class="code__text" label="Code of the message"><Code code={pieces[i + 2]} language={pieces[i + 1] || 'python'} /></Pre></div>)
  }
  return <div class="asked__all">{shown}</div>
}

function Question({ turn }) {
  const at = time(turn.at)
  const state = turn.state.value
  const waits = state === 'pending' || state === 'unsent'
  return (
    <article class={`turn turn--person ${waits ? 'turn--pending' : ''}`} id={turn.id.value || undefined} aria-label={`You, ${at}`}>
      <div class="turn__head">
        <Asked text={turn.question} />
        {turn.id.value && <a class="turn__time" href={`#/${current.value.id.value}/${turn.id.value}`} aria-label={`Link to this turn, ${at}`}>{at}</a>}
      </div>
      {turn.files.length > 0 && (
        <ul class="chips" aria-label="Files of this turn">
          {turn.files.map((file) => <FileChip key={file.name} name={file.name} size={file.bytes} href={file.id && fileAddress(file.id)} gone={file.gone} />)}
        </ul>
      )}
      {state === 'pending' && <p class="turn__pending">Sending …</p>}
      {state === 'unsent' && (
        <div class="turn__pending" role="alert">
          <p>Not sent: {turn.error.value?.message}</p>
          <p class="notice__acts"><Button onClick={() => current.value.retry(turn)}>Send again</Button><Button kind="quiet" onClick={() => current.value.takeBack(turn)}>Take it back</Button></p>
        </div>
      )}
    </article>
  )
}

function Ended({ turn }) {
  const state = turn.state.value
  if (state === 'cancelled') return <p class="turn__foot">Stopped. What came before is kept.</p>
  if (state === 'failed' || turn.error.value) {
    return (
      <div class="notice" role="alert"><Icon name="alert" /><div class="notice__text">
        <p><strong>The answer ended early.</strong> {turn.error.value?.message}</p>
        <dl class="ledger"><div><dt>Kept</dt><dd>what was said and run before</dd></div></dl>
        <div class="notice__acts"><Button onClick={() => current.value.send(turn.question)}>Ask again</Button></div>
      </div></div>
    )
  }
  if (state !== 'completed' && state !== 'incomplete') return null
  const cells = turn.cells, ran = cells.reduce((sum, cell) => sum + (cell.ms.value ?? 0), 0)
  return (
    <p class="turn__foot">{turn.model.value === 'offline' ? 'offline analyst' : turn.model.value}
      {state === 'incomplete' && <span>cut at its limit</span>}
      {cells.length > 0 && <span>{plural(cells.length, 'cell')} in {duration(ran)}</span>}
      {turn.endedAt.value > turn.at && <span>{duration((turn.endedAt.value - turn.at) * 1000)} in all</span>}
    </p>
  )
}

function Answer({ turn }) {
  const state = turn.state.value
  if (state === 'pending' || state === 'unsent') return null
  const files = madeOf(turn)
  const expired = current.value.container.value?.status === 'expired'
  const download = (path) => {
    const file = files.find((made) => made.path === path || baseName(made.path) === baseName(path))
    if (file) location.assign(containerFileAddress(file.container, file.id))
    else announce(`${baseName(path)} is not there any more.`)
  }
  const items = turn.items.value
  return (
    <article class="turn turn--answer" aria-label={`Answer, ${turn.running ? 'being written' : time(turn.endedAt.value || turn.at)}`} aria-busy={turn.running}>
      {turn.notices.value.map((text, i) => <p class="quiet" key={i}>{text}</p>)}
      {items.map((item, i) => {
        if (item.cell) return <CellView key={item.id} cell={item.cell} onFile={download} />
        if (item.type === 'reasoning') {
          return item.text.value ? <details class="fold" key={item.id}><summary class="fold__bar"><Icon name="chevron" />Thoughts</summary><div class="fold__prose"><Prose text={item.text.value} /></div></details> : null
        }
        return <Prose key={item.id} text={item.text.value} onFile={download} caret={turn.running && !item.done.value && i === items.length - 1} />
      })}
      {turn.running && items.length === 0 && <p class="working"><span class="caret" /><span class="visually-hidden">The answer begins.</span></p>}
      {!turn.running && files.length > 0 && (
        <ul class="chips" aria-label="Files made in this turn">
          {files.map((file) => <FileChip key={file.path} name={baseName(file.path)} size={file.bytes} href={containerFileAddress(file.container, file.id)} gone={expired} />)}
        </ul>
      )}
      <Ended turn={turn} />
    </article>
  )
}

const HandCell = ({ cell }) => (
  <article class="turn turn--answer" aria-label="Run by hand">
    <CellView cell={cell} />
    {cell.files.value.length > 0 && (
      <ul class="chips" aria-label="Files made by this cell">
        {cell.files.value.map((file) => <FileChip key={file.path} name={baseName(file.path)} size={file.bytes} href={containerFileAddress(cell.container, file.id)} />)}
      </ul>
    )}
  </article>
)

function Expired({ conversation }) {
  const session = conversation.container.value
  if (session?.status !== 'expired' || conversation.running.value) return null
  const rerun = async () => { await conversation.ensureSession(); for (const cell of conversation.cells.value) await conversation.run(cell.code.value) }
  return (
    <div class="expired" role="status">
      <svg class="glyph" data-state="expired" aria-hidden="true"><use href="#g-glass" /><use href="#g-expired" /></svg>
      <div class="notice__text">
        <p><strong>This session expired{session.expires_at ? ` at ${time(session.expires_at)}` : ''}.</strong> {session.status_reason ?? `Nothing was run in it for ${session.expires_after?.minutes} minutes.`}</p>
        <dl class="ledger"><div><dt>Lost</dt><dd>its variables and the files in /mnt/data</dd></div><div><dt>Kept</dt><dd>the text, code, tables and figures above</dd></div></dl>
        <div class="notice__acts"><Button onClick={() => conversation.ensureSession()}>Start a new session</Button><Button kind="quiet" onClick={rerun}>Start one and run the cells again</Button></div>
      </div>
    </div>
  )
}

export function Document({ conversation }) {
  const scroll = useRef()
  const follow = useRef(true)
  const entries = conversation.entries.value
  /* The end stays in view while it grows, unless the reader has gone elsewhere. */
  useLayoutEffect(() => {
    const box = scroll.current, inside = box.firstElementChild
    const observer = new ResizeObserver(() => { if (follow.current && conversation.busy.value) box.scrollTop = box.scrollHeight })
    observer.observe(inside)
    return () => observer.disconnect()
  }, [conversation])
  useEffect(() => { if (conversation.busy.value) { follow.current = true; scroll.current.scrollTop = scroll.current.scrollHeight } }, [entries.length])
  usePlace(conversation, () => { follow.current = false })
  const last = useRef(0)
  const scrolled = ({ currentTarget: box }) => {
    if (box.scrollTop < last.current - 2) follow.current = false
    if (box.scrollHeight - box.scrollTop - box.clientHeight < 40) follow.current = true
    last.current = box.scrollTop
  }
  return (
    <section class="scroll" aria-label="Conversation" tabIndex="0" ref={scroll} onScroll={scrolled}>
      <div class="document">
        {conversation.loading.value && entries.length === 0 && <p class="quiet" role="status">Fetching the conversation …</p>}
        {conversation.failed && !conversation.loading.value && <div class="notice" role="alert"><Icon name="alert" /><div class="notice__text"><p><strong>This conversation cannot be shown.</strong> {conversation.failed.message}</p></div></div>}
        {entries.map((entry) => (entry instanceof Turn
          ? <div class="pair" key={entry.key}><Question turn={entry} /><Answer turn={entry} /></div>
          : <div class="pair" key={entry.key}><HandCell cell={entry} /></div>))}
        <Expired conversation={conversation} />
      </div>
    </section>
  )
}
