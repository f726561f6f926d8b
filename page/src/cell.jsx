// cell.jsx - a cell in the conversation: its code, folded once it has run, and below it what came of it.
import { useEffect, useRef, useState } from 'preact/hooks'
import { statusWord } from './cells.js'
import { current } from './conversation.js'
import { duration, memory, memoryLimit, plural } from './format.js'
import { Output } from './outputs.jsx'
import { Button, Code, Icon, Pre } from './parts.jsx'
import { route, tick } from './state.js'

/** How long it took, or has taken so far. */
export function Took({ cell }) {
  if (cell.status.value === 'running') return duration(Math.max(0, tick.value - cell.startedAt))
  return duration(cell.ms.value)
}

export const cellLabel = (cell) => {
  const status = cell.status.value
  return `Cell ${cell.number.value || ''}, ${status === 'completed' ? `completed in ${duration(cell.ms.value)}` : statusWord(status)}`
}

/** What happened, what was lost, what was kept, what to do. */
export function Ending({ cell }) {
  const status = cell.status.value, record = cell.record
  const conversation = current.value
  const [raising, setRaising] = useState('')
  const sentence = {
    out_of_memory: () => {
      const limit = conversation?.limits.value[cell.container]
      const used = record?.max_memory_bytes
      return <><strong>Out of memory.</strong> {used && limit ? `The cell had used ${memory(used)}; this session’s limit is ${memory(limit)}.` : 'The cell used more than this session’s limit.'}</>
    },
    timeout: () => <><strong>Out of time.</strong> The cell was stopped after {duration(cell.ms.value)}.</>,
    killed: () => <><strong>The kernel ended.</strong> {cell.notes.value[0]}</>,
  }[status]
  if (!sentence) return null
  const live = conversation?.container.value, raised = live && memory(memoryLimit(live) * 2)
  const raise = async () => {
    setRaising('Raising the limit …')
    await conversation.raiseLimit().then(() => setRaising(''), (e) => setRaising(`The limit stays: ${e.message}`))
  }
  const before = conversation?.cells.value.slice(0, conversation.cells.value.indexOf(cell)).filter((other) => other.status.value === 'completed') ?? []
  return (
    <div class="output notice">
      <Icon name="alert" />
      <div class="notice__text">
        <p>{sentence()}</p>
        <dl class="ledger">
          <div><dt>Lost</dt><dd>{cell.lost.value || status === 'killed' ? 'all variables' : 'nothing but this cell’s work'}</dd></div>
          <div><dt>Kept</dt><dd>{cell.lost.value ? 'the files in /mnt/data' : 'variables and the files in /mnt/data'}</dd></div>
        </dl>
        {cell.lost.value && (
          <div class="notice__acts">
            {before.length > 0 && <Button onClick={async () => { for (const other of before) await conversation.run(other.code.value) }}>{`Run the ${plural(before.length, 'cell')} before it again`}</Button>}
            {status === 'out_of_memory' && live?.status === 'running' && live.id === cell.container && <Button kind={before.length ? 'quiet' : ''} why={conversation.busy.value ? 'Something is running' : raising.endsWith('…') ? 'It is being done' : ''} onClick={raise}>{`Raise the limit to ${raised}`}</Button>}
          </div>
        )}
        {raising && <p class="quiet" role="status">{raising}</p>}
      </div>
    </div>
  )
}

/** What input() asks for while it waits. */
export function Asks({ cell }) {
  const ref = useRef()
  useEffect(() => { if (cell.asks.value) ref.current?.focus() }, [cell.asks.value])
  if (!cell.asks.value) return null
  return (
    <form class="asks output" onSubmit={(e) => { e.preventDefault(); current.value.answerInput(cell, ref.current.value) }}>
      <label class="asks__prompt">{cell.asks.value.prompt || 'The code asks for a line of text'}
        <input class="asks__text" ref={ref} type={cell.asks.value.password ? 'password' : 'text'} autocomplete="off" /></label>
      <button class="button" type="submit">Answer</button>
    </form>
  )
}

export function Outputs({ cell, onFile }) {
  const outputs = cell.outputs.value
  return (
    <>
      {outputs.map((output, i) => <Output key={i} cell={cell} output={output} index={i} last={i === outputs.length - 1} onFile={onFile} />)}
      {cell.status.value === 'running' && outputs.at(-1)?.text === undefined && <p class="output working"><span class="caret" /></p>}
      <Asks cell={cell} />
      <Ending cell={cell} />
      {!['killed'].includes(cell.status.value) && cell.notes.value.map((note, i) => <p class="quiet output" key={i}>{note}</p>)}
    </>
  )
}

/** Its time is its address, as a turn's is. It lies over the bar, because a bar that folds may hold no link. */
export function CellLink({ cell }) {
  const id = current.value?.id.value
  if (!id || !cell.name || cell.busy) return null
  return <a class="code__time cell__link" href={`#/${id}/${route.value.view === 'notebook' ? 'notebook/' : ''}${cell.name}`} aria-label={`Link to cell ${cell.number.value || ''}, ${duration(cell.ms.value)}`}><Took cell={cell} /></a>
}

export function CellView({ cell, onFile }) {
  const status = cell.status.value, code = cell.code.value
  const [fold, setFold] = useState(null) // what the reader chose; until then: open while it is written or runs
  const open = fold ?? cell.busy
  const first = code.split('\n').find((line) => line.trim()) ?? ''
  const lines = code.trimEnd().split('\n').length
  return (
    <section class="cell" id={`cell-${cell.key}`} data-status={status} aria-label={cellLabel(cell)}>
      <details class="code" open={open} onToggle={(e) => { if (e.currentTarget.open !== open) setFold(e.currentTarget.open) }}>
        <summary class="code__bar">
          <Icon name="chevron" />
          {cell.number.value > 0 && <span class="code__count">{cell.number.value}</span>}
          <span class="code__first"><Code code={first} /></span>
          {cell.edited && <span class="code__meta">run again by hand</span>}
          {status === 'completed' ? <span class="code__meta">{plural(lines, 'line')}</span> : <span class="code__state">{statusWord(status)}</span>}
          <span class="code__time" aria-hidden={cell.name ? 'true' : undefined}><Took cell={cell} /></span>
        </summary>
        {open && <Pre class="code__text" label={`Code of cell ${cell.number.value || ''}`}><Code code={code} caret={status === 'writing'} /></Pre>}
      </details>
      <CellLink cell={cell} />
      <Outputs cell={cell} onFile={onFile} />
    </section>
  )
}
