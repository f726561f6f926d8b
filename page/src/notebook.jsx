// notebook.jsx - the same session as cells that can be edited: the second view of one list of executions.
import { useRef, useState } from 'preact/hooks'
import { signal } from '@preact/signals'
import { CellLink, cellLabel, Outputs, Took } from './cell.jsx'
import { Cell } from './cells.js'
import { Turn } from './conversation.js'
import { Button, Code, Icon, IconButton, Menu } from './parts.jsx'
import { usePlace } from './place.js'
import { Prose } from './prose.jsx'
import { exportItems } from './session.jsx'
import { Asked } from './turns.jsx'

/** Cells that were not run yet and notes, by the conversation they belong to: they are this visit's. */
const drafts = new WeakMap()
const hidden = signal(new Set())
const draftsOf = (conversation) => {
  if (!drafts.has(conversation)) drafts.set(conversation, signal([new Cell({ byHand: true })]))
  return drafts.get(conversation)
}

function EditableCell({ conversation, cell, onRemove, onMove, draft = false }) {
  const [text, setText] = useState(null) // what is written and not run; null: as it was run
  const [focus, setFocus] = useState(false)
  const area = useRef(), box = useRef()
  const code = text ?? cell.code.value
  const changed = text !== null && text !== cell.code.value
  const next = () => {
    const all = [...document.querySelectorAll('.cell--editable textarea')]
    all[all.indexOf(area.current) + 1]?.focus()
  }
  const run = async (move) => {
    if (!code.trim()) return
    if (draft) { onRemove(); await conversation.run(code) }
    else { if (move) next(); const done = conversation.run(code, cell); setText(null); await done }
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
    <section class="cell cell--editable" id={draft ? undefined : `cell-${cell.key}`} data-status={draft ? 'new' : status} data-focus={focus ? '' : undefined} aria-label={label} ref={box}
      onFocusIn={() => setFocus(true)} onFocusOut={(e) => { if (!box.current?.contains(e.relatedTarget)) setFocus(false) }}>
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
            <span class="cell__toolsend">
              {onMove && <IconButton icon="up" label="Move the cell up" onClick={() => onMove(-1)} />}
              {onMove && <IconButton icon="down" label="Move the cell down" onClick={() => onMove(1)} />}
              <IconButton icon="copy" label="Copy the cell" onClick={() => navigator.clipboard.writeText(code)} />
              <IconButton icon="trash" label={draft ? 'Delete the cell' : 'Hide the cell'} onClick={onRemove} />
            </span>
          </div>
        )}
      </div>
      {!draft && <Outputs cell={cell} />}
    </section>
  )
}

const hide = (key) => { hidden.value = new Set([...hidden.value, key]) }

function Entry({ conversation, entry }) {
  if (!(entry instanceof Turn)) return hidden.value.has(entry.key) ? null : <EditableCell conversation={conversation} cell={entry} onRemove={() => hide(entry.key)} />
  return (
    <>
      <div class="note"><Asked text={entry.question} /></div>
      {entry.items.value.map((item) => {
        if (item.cell) return hidden.value.has(item.cell.key) ? null : <EditableCell key={item.id} conversation={conversation} cell={item.cell} onRemove={() => hide(item.cell.key)} />
        return item.type === 'message' && item.text.value ? <div class="note" key={item.id}><Prose text={item.text.value} /></div> : null
      })}
    </>
  )
}

export function Notebook({ conversation }) {
  const list = draftsOf(conversation)
  const session = conversation.container.value
  usePlace(conversation)
  const add = () => { list.value = [...list.value, new Cell({ byHand: true })]; requestAnimationFrame(() => [...document.querySelectorAll('.editor__text')].at(-1)?.focus()) }
  const drop = (cell) => { list.value = list.value.filter((other) => other !== cell); if (!list.value.length) list.value = [new Cell({ byHand: true })] }
  const move = (cell, by) => {
    const next = list.value.filter((other) => other !== cell)
    next.splice(Math.max(0, list.value.indexOf(cell) + by), 0, cell)
    list.value = next
  }
  const rerun = async () => {
    const cells = conversation.cells.value.filter((cell) => !hidden.value.has(cell.key))
    if (session?.status === 'running') await conversation.restart()
    for (const cell of cells) { await conversation.run(cell.code.value, cell); if (cell.status.value !== 'completed') break }
  }
  return (
    <section class="scroll" aria-label="Notebook" tabIndex="0">
      <div class="notebook__bar" role="toolbar" aria-label="Notebook">
        <Button icon="plus" kind="quiet" onClick={add}>Code</Button>
        <span class="notebook__gap" />
        <Button icon="restart" kind="quiet" why={conversation.busy.value ? 'Something is running' : conversation.cells.value.length ? '' : 'Nothing was run yet'} onClick={rerun}>Restart and run all</Button>
        {session && <Menu label="Export" end items={exportItems(session)} button={(props) => <button type="button" class="button button--quiet" {...props}><Icon name="export" /><span>Export</span></button>} />}
        {conversation.busy.value && <Button icon="stop" kind="main" hint="Esc" onClick={() => conversation.stop()}>Stop</Button>}
      </div>
      <div class="document document--notebook">
        {conversation.entries.value.map((entry) => <Entry key={entry.key} conversation={conversation} entry={entry} />)}
        {list.value.map((cell) => <EditableCell key={cell.key} draft conversation={conversation} cell={cell} onRemove={() => drop(cell)} onMove={list.value.length > 1 ? (by) => move(cell, by) : null} />)}
      </div>
    </section>
  )
}
