// table.jsx - a table that can be sorted, read and taken away. It shows the data as it is: no number is rewritten.
import { useMemo, useRef, useState } from 'preact/hooks'
import { count } from './format.js'
import { Icon, IconButton } from './parts.jsx'
import { copyText, save } from './takeaway.js'

const FIRST = 100
const numeric = (text) => text.length < 400 && /^[-+−]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?\s*%?$/.test(text.trim())
const value = (text) => Number.parseFloat(text.replace(/,/g, '').replace('−', '-'))
const blank = (text) => text === '' || /^(nan|nat|none|<na>|-|–)$/i.test(text.trim())
const collator = new Intl.Collator(undefined, { numeric: true })

/** RFC 4180, with a mark that tells spreadsheets it is UTF-8. */
const csv = (columns, rows) => '\ufeff' + [columns, ...rows].map((row) => row.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')).join('\r\n') + '\r\n'

/** `total` is how many rows there are where not all were given; `heads`: the first column names its row. */
export function Table({ columns, rows, heads = false, label, total = rows.length, plain = false }) {
  const [sort, setSort] = useState({ column: -1, down: false })
  const [whole, setWhole] = useState(false)
  const box = useRef()
  const right = useMemo(() => columns.map((_, c) => {
    const seen = rows.slice(0, FIRST).map((row) => row[c] ?? '').filter((cell) => !blank(cell))
    return seen.length > 0 && seen.every(numeric)
  }), [columns, rows])
  const sorted = useMemo(() => {
    if (sort.column < 0) return rows
    const { column, down } = sort
    const compare = right[column] ? (a, b) => value(a) - value(b) : collator.compare
    return [...rows].sort((a, b) => {
      const x = a[column] ?? '', y = b[column] ?? ''
      if (blank(x) || blank(y)) return blank(x) - blank(y) // what is missing stays last
      return down ? compare(y, x) : compare(x, y)
    })
  }, [rows, sort, right])
  const shown = whole ? sorted : sorted.slice(0, FIRST)
  const by = (column) => setSort((old) => (old.column !== column ? { column, down: false } : old.down ? { column: -1, down: false } : { column, down: true }))
  return (
    <div class={`table ${plain ? 'table--plain' : 'output'}`}>
      <div class="table__scroll" tabIndex="0" role="region" aria-label={`${label}, ${count(total)} rows`} ref={box}>
        <table>
          <thead><tr>{columns.map((name, c) => (
            <th scope="col" key={c} class={right[c] ? 'num' : undefined} aria-sort={sort.column === c ? (sort.down ? 'descending' : 'ascending') : 'none'}>
              <button type="button" onClick={() => by(c)}>{name || <span class="visually-hidden">index</span>}<Icon name="sort" /></button>
            </th>))}</tr></thead>
          <tbody>{shown.map((row, r) => (
            <tr key={r}>{columns.map((_, c) => {
              const cls = right[c] ? 'num' : undefined
              return heads && c === 0 ? <th scope="row" class={cls} key={c}>{row[c]}</th> : <td class={cls} key={c}>{row[c]}</td>
            })}</tr>))}</tbody>
        </table>
      </div>
      {!plain && (
        <p class="table__bar">
          <span>{shown.length < total ? `${rows.length < total ? 'Shown are' : 'First'} ${count(shown.length)} of ${count(total)} rows` : `${count(total)} rows`}</span>
          {shown.length < rows.length && <button type="button" class="link" onClick={() => { setWhole(true); box.current.focus() }}>Open all</button>}
          <span class="table__end">
            <IconButton icon="copy" label="Copy the table" onClick={() => copyText([columns, ...sorted].map((row) => row.join('\t')).join('\n'))} />
            <IconButton icon="download" label="Download the table as CSV" onClick={() => save('table.csv', new Blob([csv(columns, sorted)], { type: 'text/csv' }))} />
          </span>
        </p>
      )}
    </div>
  )
}

/** The table in HTML that is nothing but one, as pandas writes it; null for anything else. Nothing of it is run. */
export function tableFrom(html) {
  if (!html.includes('dataframe')) return null
  // styles would be refused by the page's policy, with a complaint for each; in a table of data they say nothing
  const plain = html.replace(/<style[^<>]*>[^<]*<\/style>/gi, '').replace(/<[a-z][^<>]*>/gi, (tag) => tag.replace(/\sstyle\s*=\s*("[^"]*"|'[^']*')/gi, ''))
  const body = new DOMParser().parseFromString(plain, 'text/html').body
  const tables = body.querySelectorAll('table')
  if (tables.length !== 1 || body.querySelector('script, iframe, img, svg, canvas, a, object, embed')) return null
  const [table] = tables
  if (!table.classList.contains('dataframe') || table.querySelector('[rowspan]:not([rowspan="1"]), tbody [colspan]:not([colspan="1"])')) return null
  const heads = [...(table.tHead?.rows ?? [])]
  if (heads.length !== 1 && !(heads.length === 2 && [...heads[1].cells].slice(1).every((cell) => !cell.textContent.trim()))) return null
  const columns = [...heads[0].cells].map((cell) => cell.textContent)
  if (heads.length === 2) columns[0] = heads[1].cells[0].textContent
  const rows = [...table.tBodies].flatMap((part) => [...part.rows].map((row) => [...row.cells].map((cell) => cell.textContent)))
  if (rows.some((row) => row.length !== columns.length)) return null
  const given = rows.filter((row) => !row.every((cell) => cell === '...')) // pandas' mark for rows it left out
  const stated = /(\d+) rows/.exec(body.querySelector('p')?.textContent ?? '')
  return { columns, rows: given, heads: Boolean(table.tBodies[0]?.querySelector('th')), total: stated ? Number(stated[1]) : given.length }
}
