// notebook.jsx - the same session as cells that can be edited: the second view of one list of executions.
import { useRef, useState } from 'preact/hooks'
import { drop, hiddenOf, insert, itemsOf, jot, move, settle, showHidden, taken, write } from './arrangement.js'
import { CellLink, cellLabel, Outputs, Took } from './cell.jsx'
import { plural } from './format.js'
import { Button, Code, Icon, IconButton, Menu } from './parts.jsx'
import { usePlace } from './place.js'
import { Prose } from './prose.jsx'
import { exportItems } from './session.jsx'
import { copyText } from './takeaway.js'
import { Asked } from './turns.jsx'

const editors = () => [...document.querySelectorAll('.cell--editable textarea')]
/** Into what was just made, once it is there. */
const into = (key) => requestAnimationFrame(() => document.getElementById(`item-${key}`)?.querySelector('textarea')?.focus())

function EditableCell({ conversation, item, tools, focus }) {
  const { cell } = item, draft = item.kind === 'draft'
  const [text, setText] = useState(null) // what is written and not run; null: as it was run
  const area = useRef()
  const code = text ?? cell.code.value
  const changed = text !== null && text !== cell.code.value
  const next = () => { const all = editors(); all[all.indexOf(area.current) + 1]?.focus() }
  const run = (on) => {
    if (!code.trim()) return
    conversation.run(code, cell, () => settle(conversation))
    if (draft) taken(conversation, cell)
    setText(null)
    if (on) requestAnimationFrame(next)
  }
  const key = (e) => {
    if (e.key === 'Enter' && (e.shiftKey || e.ctrlKey || e.metaKey)) { e.preventDefault(); run(e.shiftKey) }
    if (e.key === 'Tab' && !e.shiftKey && e.currentTarget.selectionStart !== e.currentTarget.value.length && !e.altKey) {
      e.preventDefault()
      e.currentTarget.setRangeText('    ', e.currentTarget.selectionStart, e.currentTarget.selectionEnd, 'end')
      setText(e.currentTarget.value)
    }
  }
  const status = cell.status.value, label = draft ? 'A cell not run yet' : cellLabel(cell) + (changed ? ', edited and not run' : '')
  return (
    <section class="cell cell--editable" id={draft ? undefined : `cell-${cell.key}`} data-status={draft ? 'new' : status} data-focus={focus ? '' : undefined} aria-label={label}>
      <div class="cell__count">[{cell.busy ? '*' : cell.number.value || ' '}]{!draft && <span class="cell__time">{cell.busy || !cell.name ? <Took cell={cell} /> : <CellLink cell={cell} />}</span>}</div>
      <div class="code">
        <div class="editor">
          <pre class="code__text code__text--numbered" aria-hidden="true"><Code code={code} numbered /></pre>
          <textarea class="editor__text" ref={area} value={code} spellcheck={false} autocapitalize="off" autocomplete="off" aria-label={draft ? 'Code of a new cell' : `Code of cell ${cell.number.value || ''}`}
            placeholder={draft ? 'Python, run in this session by Shift Enter' : undefined} onInput={(e) => setText(e.currentTarget.value)} onKeyDown={key} readOnly={cell.busy} />
        </div>
        {(focus || changed) && (
          <div class="cell__tools" role="toolbar" aria-label={label}>
            <Button icon="play" kind="small" hint="Shift Enter" why={cell.busy ? 'It is running' : code.trim() ? '' : 'It is empty'} onClick={() => run(false)}>Run</Button>
            {changed && !draft && <span class="cell__changed">edited, not run</span>}
            {tools(() => copyText(code))}
          </div>
        )}
      </div>
      {!draft && <Outputs cell={cell} />}
    </section>
  )
}

/** A note of one's own. It is written in markdown, and read as what that means. */
function Note({ conversation, item, tools, focus }) {
  const [text, setText] = useState(item.text ? null : '') // what is being written; null: it is read
  const box = useRef()
  const end = (back) => {
    if (text === null) return
    if (text.trim()) write(conversation, item.name, text)
    else drop(conversation, item)
    setText(null)
    if (back) requestAnimationFrame(() => box.current?.focus())
  }
  const edit = () => { setText(item.text); into(item.key) }
  const key = (e) => {
    if (e.key === 'Escape' || (e.key === 'Enter' && (e.shiftKey || e.ctrlKey || e.metaKey))) { e.preventDefault(); e.stopPropagation(); end(true) }
  }
  if (text !== null) {
    return <div class="note note--own"><textarea class="note__text" value={text} rows={text.split('\n').length + 1} aria-label="Text of the note" placeholder="Markdown; Shift Enter ends it" onInput={(e) => { setText(e.currentTarget.value); jot(conversation, item.name, e.currentTarget.value) }} onKeyDown={key} onBlur={() => end(false)} /></div>
  }
  return (
    <div class="note note--own" ref={box} tabIndex="0" role="group" aria-label="Note of your own" onDblClick={edit} onKeyDown={(e) => { if (e.key === 'Enter' && e.target === box.current) { e.preventDefault(); edit() } }}>
      <Prose text={item.text} />
      {focus && <div class="cell__tools" role="toolbar" aria-label="Note"><Button icon="pen" kind="small" hint="Enter" onClick={edit}>Edit</Button>{tools(() => copyText(item.text))}</div>}
    </div>
  )
}

function Item({ conversation, item }) {
  const noun = item.kind === 'note' ? 'note' : 'cell'
  const [focus, setFocus] = useState(false) // here, and not only in the cell: what lies in the gap must not move when it is pressed
  const box = useRef()
  const go = (by) => {
    if (move(conversation, item, by)) requestAnimationFrame(() => document.getElementById(`item-${item.key}`)?.querySelector(`[data-move="${by}"]`)?.focus())
  }
  const tools = (copy) => (
    <span class="cell__toolsend">
      <IconButton icon="up" label={`Move the ${noun} up`} data-move="-1" onClick={() => go(-1)} />
      <IconButton icon="down" label={`Move the ${noun} down`} data-move="1" onClick={() => go(1)} />
      <IconButton icon="copy" label={`Copy the ${noun}`} onClick={copy} />
      <IconButton icon="trash" label={item.kind === 'cell' ? 'Hide the cell' : `Delete the ${noun}`} onClick={() => drop(conversation, item)} />
    </span>
  )
  return (
    <div class="place" id={`item-${item.key}`} ref={box} onFocusIn={() => setFocus(true)} onFocusOut={(e) => { if (!box.current?.contains(e.relatedTarget)) setFocus(false) }}>
      {item.kind === 'question' && <div class="note"><Asked text={item.turn.question} /></div>}
      {item.kind === 'words' && <div class="note"><Prose text={item.item.text.value} /></div>}
      {item.kind === 'note' && <Note conversation={conversation} item={item} tools={tools} focus={focus} />}
      {(item.kind === 'cell' || item.kind === 'draft') && <EditableCell conversation={conversation} item={item} tools={tools} focus={focus} />}
      <div class="insert">
        <Button icon="plus" kind="small" onClick={() => into(insert(conversation, 'draft', item))}>Code</Button>
        <Button icon="plus" kind="small" onClick={() => into(insert(conversation, 'note', item))}>Text</Button>
      </div>
    </div>
  )
}

export function Notebook({ conversation }) {
  const session = conversation.container.value, items = itemsOf(conversation), hidden = hiddenOf(conversation)
  usePlace(conversation)
  const rerun = async () => {
    const cells = items.filter((item) => item.kind === 'cell').map((item) => item.cell)
    if (session?.status === 'running') await conversation.restart()
    for (const cell of cells) { await conversation.run(cell.code.value, cell); if (cell.status.value !== 'completed') break }
  }
  return (
    <section class="scroll" id="notebook" aria-label="Notebook" tabIndex="0">
      <div class="notebook__bar" role="toolbar" aria-label="Notebook">
        <Button icon="plus" kind="quiet" onClick={() => into(insert(conversation, 'draft'))}>Code</Button>
        <Button icon="plus" kind="quiet" onClick={() => into(insert(conversation, 'note'))}>Text</Button>
        {hidden > 0 && <Button kind="quiet" onClick={() => showHidden(conversation)}>{`Show ${plural(hidden, 'hidden cell')}`}</Button>}
        <span class="notebook__gap" />
        <Button icon="restart" kind="quiet" why={conversation.busy.value ? 'Something is running' : conversation.cells.value.length ? '' : 'Nothing was run yet'} onClick={rerun}>Restart and run all</Button>
        {session && <Menu label="Export" end items={exportItems(conversation)} button={(props) => <button type="button" class="button button--quiet" {...props}><Icon name="export" /><span>Export</span></button>} />}
        {conversation.busy.value && <Button icon="stop" kind="main" hint="Esc" onClick={() => conversation.stop()}>Stop</Button>}
      </div>
      <div class="document document--notebook">
        {items.map((item) => <Item key={item.key} conversation={conversation} item={item} />)}
      </div>
    </section>
  )
}
