// main.jsx - the page: three regions, the keys that work everywhere, and the window as a drop zone.
import { effect, untracked } from '@preact/signals'
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { get, locked } from './api.js'
import { Composer, addFiles } from './composer.jsx'
import { current, loadConversations, open } from './conversation.js'
import { loadEnvironments } from './environments.jsx'
import { First } from './first.jsx'
import { plural } from './format.js'
import { Left } from './left.jsx'
import { Login } from './login.jsx'
import { Notebook } from './notebook.jsx'
import { Palette } from './palette.jsx'
import { Button, Icon, IconButton } from './parts.jsx'
import { Session, stateOf } from './session.jsx'
import { watch } from './session.js'
import { announcement, dialog, leftOpen, models, notice, offline, palette, rightOpen, route, sheet, tick } from './state.js'
import { copyText } from './takeaway.js'
import { Document } from './turns.jsx'

function Bar({ conversation, empty }) {
  const id = conversation.id.value, view = route.value.view
  const [copied, setCopied] = useState(false)
  const copy = async () => { if (await copyText(location.href)) { setCopied(true); setTimeout(() => setCopied(false), 1500) } }
  return (
    <header class="bar">
      <div class="bar__start">
        <IconButton icon="panel-left" label="Open the list of conversations" className={`bar__list ${leftOpen.value ? '' : 'bar__list--shut'}`} onClick={() => { leftOpen.value = true; sheet.value = innerWidth <= 768 ? 'list' : '' }} />
        {!empty && <h1 class="bar__title">{conversation.title.value}</h1>}
      </div>
      {!empty && (
        <div class="segmented" role="group" aria-label="View">
          {[['conversation', 'chat', 'Conversation', ''], ['notebook', 'notebook', 'Notebook', '/notebook']].map(([name, icon, label, path]) => (
            <a class="segmented__part" key={name} href={`#/${id}${path}`} aria-current={view === name ? 'page' : undefined}><Icon name={icon} /><span>{label}</span></a>))}
        </div>
      )}
      <div class="bar__end">
        <button type="button" class="button button--quiet bar__extra" onClick={() => { palette.value = true }}><span>Commands</span><kbd>Ctrl K</kbd></button>
        {!empty && <IconButton icon="link" label={copied ? 'Copied' : 'Copy a link to this conversation'} className="bar__extra" onClick={copy} />}
        {!empty && <button type="button" class={`icon-button bar__bell ${rightOpen.value ? '' : 'bar__bell--shut'}`} data-state={stateOf(conversation)} aria-label={`Session: ${stateOf(conversation)}`} onClick={() => { rightOpen.value = true; sheet.value = innerWidth <= 1152 ? 'session' : '' }}><Icon name="bell" className="icon icon--bell" /></button>}
      </div>
    </header>
  )
}

function Banner({ conversation }) {
  if (!offline.value) return null
  const running = conversation.running.value
  return (
    <div class="banner" role="alert"><Icon name="offline" />
      <p><strong>The connection was lost.</strong> {running ? `What runs goes on running. This page resumes after event ${Math.max(0, running.sequence)}.` : 'This page tries again by itself.'}</p>
      <Button onClick={() => start()}>Try now</Button>
    </div>
  )
}

function Notice() {
  if (!notice.value) return null
  return <div class="banner" role="alert"><Icon name="alert" /><p>{notice.value}</p><Button onClick={() => { notice.value = '' }}>Close</Button></div>
}

function Drop({ names }) {
  return (
    <div class="overlay overlay--drop" role="region" aria-label="Files held over the window">
      <div class="drop"><svg class="glyph glyph--large" viewBox="0 0 48 48" aria-hidden="true"><path d="M5.75 40.25h36.5" /><g class="glyph__lid"><path d="M24 7.5V10M10.5 39V24a13.5 13.5 0 0 1 27 0v15" /><circle cx="24" cy="5" r="2.25" /><path class="shine" d="M33.25 24.5a9.4 9.4 0 0 0-4.5-8.1" /></g></svg>
        <p class="drop__what">Put <strong>{names}</strong> under glass</p><p class="quiet">It goes to /mnt/data of this conversation’s session. Up to 512 MiB.</p></div>
    </div>
  )
}

function App() {
  const [held, setHeld] = useState('')
  const conversation = current.value
  useEffect(() => {
    let depth = 0
    const has = (e) => [...(e.dataTransfer?.types ?? [])].includes('Files')
    const on = {
      dragenter: (e) => { if (!has(e)) return; e.preventDefault(); depth++; setHeld(e.dataTransfer.items?.length > 1 ? plural(e.dataTransfer.items.length, 'file') : 'the file') },
      dragleave: (e) => { if (has(e) && --depth <= 0) { depth = 0; setHeld('') } },
      dragover: (e) => { if (has(e)) e.preventDefault() },
      drop: (e) => { if (!has(e)) return; e.preventDefault(); depth = 0; setHeld(''); addFiles(current.value, e.dataTransfer.files) },
    }
    for (const [name, f] of Object.entries(on)) addEventListener(name, f)
    return () => { for (const [name, f] of Object.entries(on)) removeEventListener(name, f) }
  }, [])
  if (locked.value) return <Login />
  if (!conversation) return null
  const empty = !conversation.id.value && conversation.entries.value.length === 0 && !conversation.loading.value
  const view = empty ? 'first' : route.value.view
  const shut = [!leftOpen.value && 'left', (empty || !rightOpen.value) && 'right'].filter(Boolean).join(' ')
  return (
    <div class="root" data-view={view} data-part={sheet.value} data-shut={shut} data-running={conversation.busy.value ? '' : undefined}>
      <a class="skip" href={view === 'notebook' ? '#notebook' : '#composer'} onClick={(e) => { e.preventDefault(); document.querySelector(e.currentTarget.getAttribute('href'))?.focus() }}>{view === 'notebook' ? 'Skip to the notebook' : 'Skip to the composer'}</a>
      <div class="app">
        <Left />
        <main class="centre">
          <Bar conversation={conversation} empty={empty} />
          <Banner conversation={conversation} />
          <Notice />
          {view === 'first' && <First conversation={conversation} />}
          {view === 'conversation' && <><Document key={conversation.id.value || 'new'} conversation={conversation} /><div class="dock"><Composer conversation={conversation} /></div></>}
          {view === 'notebook' && <Notebook conversation={conversation} />}
        </main>
        {!empty && <Session conversation={conversation} />}
      </div>
      {sheet.value && <button type="button" class="scrim scrim--sheet" tabIndex="-1" aria-label="Close" onClick={() => { sheet.value = '' }} />}
      {palette.value && <Palette />}
      {dialog.value && dialog.value()}
      {held && <Drop names={held} />}
      <p class="visually-hidden" role="status" aria-live="polite">{announcement.value}</p>
    </div>
  )
}

/* Keys that work everywhere. */
addEventListener('keydown', (e) => {
  const typing = /^(input|textarea|select)$/i.test(e.target.tagName) || e.target.isContentEditable
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k') { e.preventDefault(); palette.value = !palette.value; return }
  if (document.querySelector('dialog[open]')) return
  if (e.key === '/' && !typing) { e.preventDefault(); document.getElementById('composer')?.focus() }
  if (e.key === 'Escape') {
    if (sheet.value) sheet.value = ''
    else if (current.value?.busy.value) current.value.stop().catch(() => {})
  }
})

/* Seconds pass where something runs or a session counts down. */
setInterval(() => { if (document.visibilityState === 'visible' && (current.value?.busy.value || current.value?.container.value)) tick.value = Date.now() }, 250)
effect(() => { document.title = current.value?.title.value ? `${current.value.title.value} – Cloche` : 'Cloche' })
effect(() => { const { conversation } = route.value; untracked(() => open(conversation)) })

let again = 0
async function start() {
  clearTimeout(again)
  try {
    await Promise.all([loadConversations(), loadEnvironments(), get('/v1/models').then((list) => { models.value = list.data })])
    offline.value = false
  } catch (e) {
    if (e.status !== 401) { offline.value = true; clearTimeout(again); again = setTimeout(start, 3000) }
  }
}

start()
watch()
render(<App />, document.getElementById('page'))
