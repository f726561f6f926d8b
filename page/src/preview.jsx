// preview.jsx - what a file of the session holds, without leaving the page: pictures, text, tables, sheets,
// pages.
import { useEffect, useRef, useState } from 'preact/hooks'
import { request } from './api.js'
import { bytes, count, extension } from './format.js'
import { Icon, IconButton } from './parts.jsx'

const TEXT_MAX = 200_000, TABLE_MAX = 32 << 20, PDF_MAX = 64 << 20, ROWS = 100

const pictures = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', svg: 'image/svg+xml' }

/** The first bytes of a file, at most `most`; what comes after them is not fetched. */
async function head(href, most, signal) {
  const reader = (await request(href, { signal })).body.getReader(), pieces = []
  let n = 0
  while (n <= most) {
    const { done, value } = await reader.read()
    if (done) break
    pieces.push(value)
    n += value.length
  }
  reader.cancel().catch(() => {})
  return { text: await new Blob(pieces).slice(0, most).text(), cut: n > most }
}

async function read(name, size, href, signal) {
  const ext = extension(name)
  if (pictures[ext]) {
    const blob = await (await request(href, { signal })).blob()
    return { picture: URL.createObjectURL(new Blob([blob], { type: pictures[ext] })) } // an <img> runs nothing, not even an SVG's scripts
  }
  if (['csv', 'tsv'].includes(ext) && size < TABLE_MAX) {
    const { default: Papa } = await import('papaparse')
    const { data } = Papa.parse(await (await request(href, { signal })).text(), { skipEmptyLines: true })
    const [columns = [], ...rows] = data
    return { sheets: [{ name: '', columns, rows: rows.slice(0, ROWS), total: rows.length }] }
  }
  if (['xlsx', 'xlsm'].includes(ext) && size < TABLE_MAX) {
    const { readWorkbook } = await import('./workbook.js')
    return { sheets: readWorkbook(new Uint8Array(await (await request(href, { signal })).arrayBuffer()), ROWS) }
  }
  if (ext === 'pdf' && size < PDF_MAX) {
    const { openPdf } = await import('./pdf.js')
    return { pdf: await openPdf(await (await request(href, { signal })).arrayBuffer()) }
  }
  const begin = await head(href, TEXT_MAX, signal)
  return begin.text.includes('\0') ? { note: 'This file is not text; download it to see what it holds.' } : begin
}

function Sheets({ sheets }) {
  const [at, setAt] = useState(0)
  const sheet = sheets[at]
  if (!sheet) return <p class="quiet">The workbook has no sheets.</p>
  return (
    <>
      <div class="tabs">
        {sheets.some((s) => s.name) && <div role="tablist" aria-label="Sheets" class="tabs__list">{sheets.map((s, i) => s.name && <button type="button" role="tab" key={i} aria-selected={i === at} onClick={() => setAt(i)}>{s.name}</button>)}</div>}
        <span class="tabs__sum">{count(sheet.total)} × {count(sheet.columns.length)}</span>
      </div>
      <div class="preview__table" tabIndex="0" role="region" aria-label={`${sheet.name ? 'Sheet ' + sheet.name : 'Table'}, first rows`}>
        <table><thead><tr>{sheet.columns.map((c, i) => <th scope="col" key={i}>{c}</th>)}</tr></thead>
          <tbody>{sheet.rows.map((row, r) => <tr key={r}>{sheet.columns.map((_, c) => <td key={c}>{row[c]}</td>)}</tr>)}</tbody></table>
      </div>
    </>
  )
}

function Pages({ pdf, name }) {
  const [at, setAt] = useState(1)
  const [text, setText] = useState(null)
  const [failed, setFailed] = useState('')
  const box = useRef(), paper = useRef()
  useEffect(() => {
    let gone = false
    const canvas = document.createElement('canvas') // a drawing that was given up spoils no other
    canvas.className = 'preview__page'
    canvas.setAttribute('role', 'img')
    canvas.setAttribute('aria-label', `Page ${at} of ${name}`)
    pdf.draw(at, canvas, box.current.clientWidth).then((said) => {
      if (gone) return
      paper.current.replaceChildren(canvas)
      setText(said)
      setFailed('')
    }).catch((e) => {
      if (gone) return
      paper.current.replaceChildren() // the page before is not this one
      setText('')
      setFailed(e.message)
    })
    return () => { gone = true }
  }, [pdf, at])
  return (
    <div ref={box} aria-busy={text === null}>
      <div class="tabs">
        <IconButton icon="chevron" label="Page before" className="preview__before" aria-disabled={at === 1} onClick={() => at > 1 && setAt(at - 1)} />
        <span role="status">Page {count(at)} of {count(pdf.pages)}</span>
        <IconButton icon="chevron" label="Next page" aria-disabled={at === pdf.pages} onClick={() => at < pdf.pages && setAt(at + 1)} />
      </div>
      {failed && <p class="quiet">This page cannot be drawn: {failed}</p>}
      <div ref={paper} />
      <p class="visually-hidden">{text}</p>
    </div>
  )
}

export function Preview({ name, size, href }) {
  const [seen, setSeen] = useState(null)
  const [failed, setFailed] = useState('')
  useEffect(() => {
    const leaving = new AbortController()
    let got = null
    const forget = () => { if (got?.picture) URL.revokeObjectURL(got.picture); got?.pdf?.close() }
    read(name, size, href, leaving.signal).then((what) => {
      got = what
      if (leaving.signal.aborted) forget()
      else setSeen(got)
    }).catch((e) => { if (!leaving.signal.aborted) setFailed(e.message) })
    return () => { leaving.abort(); forget() }
  }, [href])
  return (
    <div class="preview" role="group" aria-label={`Preview of ${name}`}>
      {!seen && !failed && <p class="quiet" role="status">Reading {name} …</p>}
      {failed && <p class="quiet">It cannot be shown: {failed}</p>}
      {seen?.picture && <img class="preview__picture" src={seen.picture} alt={name} />}
      {seen?.sheets && <Sheets sheets={seen.sheets} />}
      {seen?.text !== undefined && <pre class="preview__text" tabIndex="0" role="region" aria-label={`Text of ${name}`}>{seen.text}{seen.cut && '\n…'}</pre>}
      {seen?.note && <p class="quiet">{seen.note}</p>}
      {seen?.pdf && <Pages pdf={seen.pdf} name={name} />}
      <p class="preview__get"><a class="button button--small" href={href} download={name}><Icon name="download" /><span>Download, {bytes(size)}</span></a></p>
    </div>
  )
}
