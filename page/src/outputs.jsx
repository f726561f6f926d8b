// outputs.jsx - what code showed. All of it is a stranger's: text is text, pictures are pictures, HTML lies in a frame
// of its own that has no network and no way out.
import Anser from 'anser'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { outputAddress } from './api.js'
import { copyPicture } from './figure.js'
import { bytes, plural } from './format.js'
import { highlight } from './highlight.js'
import { Icon, IconButton, Pre } from './parts.jsx'
import { Prose } from './prose.jsx'
import { announce, notice } from './state.js'
import { Table, tableFrom } from './table.jsx'

/* ---- text ---- */

const PIECE = 200 // lines: each piece is laid out only when it comes into view

function erased(line) {
  if (!line.includes('\b')) return line
  const kept = []
  for (const c of line) c === '\b' ? kept.pop() : kept.push(c)
  return kept.join('')
}

/** What a terminal would show: \r goes back to the line's start, \b one back, other control characters are nothing. */
export function printable(text) {
  return text.split('\n').map((line) => {
    let end = line.length
    while (line[end - 1] === '\r') end-- // nothing was written over it
    line = line.slice(line.lastIndexOf('\r', end - 1) + 1, end)
    return erased(line).replace(/\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b\[[0-9;?]*[A-Za-ln-z]|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f\x80-\x9f]|\x1b(?!\[)/g, '')
  }).join('\n')
}

const named = { 'ansi-black': 'black', 'ansi-red': 'red', 'ansi-green': 'green', 'ansi-yellow': 'yellow', 'ansi-blue': 'blue', 'ansi-magenta': 'magenta', 'ansi-cyan': 'cyan', 'ansi-white': 'white' }
function Ansi({ text }) {
  if (!text.includes('\x1b')) return text
  return Anser.ansiToJson(text, { use_classes: true, remove_empty: true }).map((part, i) => {
    const name = named[part.fg?.replace('bright-', '')]
    const style = {}
    if (part.fg && !name && part.fg_truecolor) style.color = `rgb(${part.fg_truecolor})`
    const cls = [name && `ansi-${name}`, ...(part.decorations ?? []).map((d) => `ansi-${d}`)].filter(Boolean).join(' ')
    return cls || style.color ? <span key={i} class={cls} style={style}>{part.content}</span> : part.content
  })
}

export function Text({ text, caret, label }) {
  const lines = useMemo(() => printable(text.endsWith('\n') ? text.slice(0, -1) : text).split('\n'), [text])
  const pieces = useMemo(() => {
    const list = []
    for (let i = 0; i < lines.length; i += PIECE) list.push(lines.slice(i, i + PIECE))
    return list
  }, [lines])
  return (
    <Pre class={`output output--text ${lines.length > 24 ? 'output--long' : ''}`} label={label} aria-live="off">
      {pieces.length === 1
        ? <Ansi text={lines.join('\n')} />
        : pieces.map((piece, i) => <span key={i} class="piece" style={{ containIntrinsicBlockSize: `${piece.length * 1.25}rem` }}><Ansi text={piece.join('\n') + '\n'} /></span>)}
      {caret && <span class="caret" />}
    </Pre>
  )
}

/* ---- pictures ---- */

function Figure({ src, width, height, name, alt, size, paper = true }) {
  const [natural, setNatural] = useState(width > 0 && height > 0 && Math.max(width, height) < 1 << 15 ? { width, height } : null) // it is only what the file says
  const shape = natural ? { aspectRatio: `${natural.width} / ${natural.height}`, maxInlineSize: `${natural.width}px` } : undefined
  const file = name || 'figure.png'
  return (
    <figure class="figure output">
      <div class={`figure__paper ${paper ? '' : 'figure__paper--bare'}`} style={shape}>
        <img class="figure__image" src={src} alt={alt} width={natural?.width} height={natural?.height} draggable
          onLoad={(e) => setNatural({ width: e.target.naturalWidth, height: e.target.naturalHeight })}
          onDragStart={(e) => { if (!src.startsWith('data:')) e.dataTransfer.setData('DownloadURL', `image/png:${file}:${new URL(src, location)}`) }} />
      </div>
      <figcaption class="figure__bar">
        <span class="figure__name">{file}</span>{size > 0 && <span>{bytes(size)}</span>}
        <span class="figure__tools">
          <IconButton icon="copy" label="Copy the figure" onClick={(e) => copyPicture(e.currentTarget.closest('figure').querySelector('img')).then(() => announce('The figure is copied.'), (e) => { notice.value = `The figure was not copied: ${e.message}` })} />
          <a class="icon-button" href={src} download={file} aria-label={`Download ${file}`} title={`Download ${file}`}><Icon name="download" /></a>
          <IconButton icon="open" label="Open the figure at full size" onClick={(e) => e.currentTarget.closest('figure').querySelector('img').requestFullscreen?.()} />
        </span>
      </figcaption>
    </figure>
  )
}

const base64Size = (text) => Math.floor((text.length * 3) / 4)

function Plotly({ bundle, label }) {
  const ref = useRef()
  const [failed, setFailed] = useState('')
  const text = useMemo(() => JSON.stringify(bundle), [bundle]) // the stored figure is the one that was streamed: it is drawn once
  useEffect(() => {
    let gone = false
    const element = ref.current
    import('./plot.js').then(({ draw }) => { if (!gone) return draw(element, JSON.parse(text)) }).catch((e) => { if (!gone) setFailed(e.message) })
    return () => { gone = true }
  }, [text])
  useEffect(() => { const element = ref.current; return () => { if (element?.data) import('./plot.js').then(({ clear }) => clear(element)) } }, [])
  const height = bundle.layout?.height ?? 450
  return failed
    ? <p class="quiet output">The plot could not be drawn: {failed}</p>
    : <div class="output plotly" role="img" aria-label={label} ref={ref} style={{ minBlockSize: `${height}px` }} />
}

/* ---- HTML ---- */

function Frame({ cell, index }) {
  return (
    <div class="output frame">
      <iframe class="frame__inside" sandbox="allow-scripts" referrerpolicy="no-referrer" loading="lazy"
        src={outputAddress(cell.container, cell.execution.value, index)} title={`HTML output of cell ${cell.number.value || ''}`} />
    </div>
  )
}

/* ---- errors ---- */

function Traceback({ output, open }) {
  const lines = (output.traceback ?? []).map(printable).join('\n').trimEnd()
  const [text, ...rest] = printable(output.value ?? '').split('\n')
  const frames = (output.traceback ?? []).filter((line) => /^\s*File /.test(line)).length
  return (
    <div class="output error">
      <p class="error__line"><Icon name="alert" /><span><span class="error__name">{output.name}</span>{text && `: ${text}`}{rest.length > 0 && ' …'}</span></p>
      {lines && (
        <details class="fold" open={open}>
          <summary class="fold__bar"><Icon name="chevron" />Traceback{frames > 0 && `, ${plural(frames, 'frame')}`}</summary>
          <Pre class="fold__text" label="Traceback">{lines}</Pre>
        </details>
      )}
    </div>
  )
}

/* ---- one of them ---- */

const pictures = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']

function Display({ cell, output, index, onFile }) {
  const data = output.data ?? {}
  const whole = typeof data['text/html'] === 'string'
  const table = useMemo(() => (whole ? tableFrom(data['text/html']) : null), [data['text/html']])
  const label = `Output ${index + 1} of cell ${cell.number.value || ''}`
  const plot = data['application/vnd.plotly.v1+json']
  if (plot?.data) return <Plotly bundle={plot} label={label} />
  if (table) return <Table {...table} label={label} />
  if (data['text/html'] && cell.execution.value && !cell.busy) return <Frame cell={cell} index={index} />
  if (output.src) return <Figure src={output.src} width={output.width} height={output.height} alt={data['text/plain'] || 'Figure'} name={`figure-${cell.number.value || 0}-${index + 1}.png`} size={output.bytes ?? (typeof data['image/png'] === 'string' ? base64Size(data['image/png']) : 0)} />
  if (typeof data['image/svg+xml'] === 'string') return <Figure src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(data['image/svg+xml'])}`} alt="Drawing" name={`figure-${index + 1}.svg`} size={data['image/svg+xml'].length} />
  const picture = pictures.find((type) => typeof data[type] === 'string')
  if (picture) return <Figure src={`data:${picture};base64,${data[picture]}`} alt="Figure" name={`figure-${index + 1}.${picture.slice(6)}`} size={base64Size(data[picture])} />
  if (typeof data['text/markdown'] === 'string') return <div class="output"><Prose text={data['text/markdown']} onFile={onFile} /></div>
  if (typeof data['text/latex'] === 'string') return <div class="output"><Prose text={/^\s*(\$|\\[[(])/.test(data['text/latex']) ? data['text/latex'].trim().replace(/^\$\\displaystyle (.*)\$$/s, '$$$$$1$$$$') : `$$${data['text/latex']}$$`} /></div>
  if (data['application/json'] !== undefined && data['application/json']?.bytes === undefined) return <Pre class="output output--text" label={label}><code dangerouslySetInnerHTML={{ __html: highlight(JSON.stringify(data['application/json'], null, 2), 'json') }} /></Pre>
  return typeof data['text/plain'] === 'string' ? <Text text={data['text/plain']} label={label} /> : null
}

export function Output({ cell, output, index, last, onFile }) {
  if (output.type === 'error') return <Traceback output={output} />
  if (output.text !== undefined) return <Text text={output.text} caret={last && cell.status.value === 'running'} label={`Text of cell ${cell.number.value || ''}`} />
  return <Display cell={cell} output={output} index={index} onFile={onFile} />
}
