// palette.jsx - everything by name: commands, cells, files, conversations.
import { useEffect, useRef, useState } from 'preact/hooks'
import { containerFileAddress, post } from './api.js'
import { conversations, current } from './conversation.js'
import { baseName, bytes, day, duration, fileIcon } from './format.js'
import { examples, runExample } from './gallery.js'
import { Icon } from './parts.jsx'
import { showCell } from './place.js'
import { files } from './session.js'
import { dark, forgetNotebooks, go, interpreter, keyed, leftOpen, palette, rightOpen, route, theme } from './state.js'

/** Where the letters of `wanted` stand in `text`, in order; null when they do not. */
function match(text, wanted) {
  const low = text.toLowerCase(), at = []
  let from = low.indexOf(wanted)
  if (from >= 0) return [...wanted].map((_, i) => from + i)
  from = 0
  for (const c of wanted) {
    const i = low.indexOf(c, from)
    if (i < 0) return null
    at.push(i)
    from = i + 1
  }
  return at
}

const Marked = ({ text, at }) => [...text].map((c, i) => (at.includes(i) ? <b key={i}>{c}</b> : c))

async function logOut() {
  await post('/api/logout')
  keyed.value = false
  forgetNotebooks()
  location.reload()
}

function options() {
  const c = current.value, id = c?.id.value, session = c?.container.value, live = session?.status === 'running'
  const busy = c?.busy.value
  return [
    { group: 'Session', list: [
      busy && { icon: 'stop', name: 'Stop what is running', kbd: 'Esc', run: () => c.stop() },
      live && { icon: 'restart', name: 'Restart the kernel', note: 'variables go, files stay', run: () => c.restart() },
      live && { icon: 'download', name: 'Download all files as a zip', run: () => location.assign(`/v1/containers/${session.id}/archive`) },
      ...(session ? ['ipynb', 'py', 'html'].map((f) => ({ icon: 'export', name: `Export as .${f}`, run: () => location.assign(`/v1/containers/${session.id}/notebook?format=${f}`) })) : []),
    ] },
    { group: 'Page', list: [
      { icon: 'plus', name: 'New conversation', run: () => go('') },
      id && { icon: route.value.view === 'notebook' ? 'chat' : 'notebook', name: route.value.view === 'notebook' ? 'Show the conversation' : 'Show the notebook', run: () => go(id, route.value.view === 'notebook' ? '' : 'notebook') },
      { icon: 'light', name: `Change to ${dark() ? 'light' : 'dark'}`, run: () => { theme.value = dark() ? 'light' : 'dark' } },
      { icon: 'panel-left', name: `${leftOpen.value ? 'Close' : 'Open'} the list of conversations`, run: () => { leftOpen.value = !leftOpen.value } },
      { icon: 'pot', name: `${rightOpen.value ? 'Close' : 'Open'} the session`, run: () => { rightOpen.value = !rightOpen.value } },
      { icon: 'play', name: `Answers ${interpreter.value ? 'without' : 'with'} Python`, run: () => { interpreter.value = !interpreter.value } },
      keyed.value && { icon: 'open', name: 'Log out', note: 'forgets the key, and the notes in this browser', run: logOut },
    ] },
    { group: 'Cells and files', list: [
      ...(c?.cells.value ?? []).map((cell) => ({ count: cell.number.value, name: cell.code.value.split('\n').find((line) => line.trim()) ?? '', note: duration(cell.ms.value), mono: true, run: () => showCell(cell) })),
      ...files.value.map((f) => ({ icon: fileIcon(f.path), name: baseName(f.path), note: bytes(f.bytes), run: () => location.assign(containerFileAddress(session.id, f.id)) })),
    ] },
    { group: 'Examples', list: examples.map((e) => ({ icon: 'play', name: e.name, note: 'example', run: () => runExample(e) })) },
    { group: 'Conversations', list: conversations.value.map((k) => ({ icon: 'chat', name: k.metadata?.title || 'Conversation', note: day(k.created_at), run: () => go(k.id) })) },
  ]
}

export function Palette() {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const field = useRef(), dialog = useRef()
  useEffect(() => { dialog.current.showModal(); field.current.focus() }, [])
  const wanted = text.trim().toLowerCase()
  const groups = options().map(({ group, list }) => ({
    group, list: list.filter(Boolean).map((o) => ({ ...o, at: match(o.name, wanted) })).filter((o) => o.at).slice(0, wanted ? 8 : 6),
  })).filter((g) => g.list.length)
  const flat = groups.flatMap((g) => g.list)
  const chosen = Math.min(at, flat.length - 1)
  const close = () => { palette.value = false }
  const run = (o) => { close(); o?.run() }
  const key = (e) => {
    const to = { ArrowDown: chosen + 1, ArrowUp: chosen - 1 }[e.key]
    if (to !== undefined && flat.length) { e.preventDefault(); setAt((to + flat.length) % flat.length); document.getElementById(`option-${(to + flat.length) % flat.length}`)?.scrollIntoView({ block: 'nearest' }) }
    if (e.key === 'Enter') { e.preventDefault(); run(flat[chosen]) }
  }
  let n = -1
  return (
    <dialog class="palette" ref={dialog} aria-label="Command palette" onClose={close} onCancel={close} onClick={(e) => e.target === dialog.current && close()}>
      <label class="palette__field"><Icon name="search" /><input type="text" ref={field} value={text} role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={chosen >= 0 ? `option-${chosen}` : undefined} autocomplete="off"
        aria-label="Find a command, a cell, a file or a conversation" placeholder="Find a command, a cell, a file or a conversation" onInput={(e) => { setText(e.currentTarget.value); setAt(0) }} onKeyDown={key} /><kbd>Esc</kbd></label>
      <div class="palette__list" id="palette-list" role="listbox" aria-label="Results" tabIndex="0">
        {flat.length === 0 && <p class="palette__group">Nothing has these letters.</p>}
        {groups.map(({ group, list }, g) => (
          <div role="group" aria-labelledby={`pg-${g}`} key={group}><p class="palette__group" id={`pg-${g}`}>{group}</p>
            {list.map((o) => { n++; const i = n; return (
              <div class="option" role="option" id={`option-${i}`} key={i} aria-selected={i === chosen} onClick={() => run(o)} onPointerMove={() => setAt(i)}>
                {o.icon ? <Icon name={o.icon} /> : <span class="option__count">{o.count || ''}</span>}
                <span class={o.mono ? 'mono' : undefined}><Marked text={o.name} at={o.at} /></span>{o.note && <span class="option__note">{o.note}</span>}{o.kbd && <kbd>{o.kbd}</kbd>}
              </div>) })}
          </div>
        ))}
      </div>
      <p class="palette__foot"><span><kbd>↑</kbd><kbd>↓</kbd> move</span><span><kbd>Enter</kbd> runs</span><span><kbd>Esc</kbd> closes; it does not stop the run</span></p>
    </dialog>
  )
}
