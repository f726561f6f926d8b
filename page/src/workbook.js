// workbook.js - the first rows of each sheet of an .xlsx: a zip of XML, read without running anything of it. Dates are
// numbers in such a file; those that a style calls dates are written as such.
import { unzipSync, strFromU8 } from 'fflate'

const COLUMNS_MAX = 16384 // of the format: a reference beyond them is no cell
const UNPACKED_MAX = 64 << 20 // bytes of one part: a small zip can claim to hold anything
const parse = (text) => new DOMParser().parseFromString(text, 'application/xml')
const local = (node, name) => [...node.getElementsByTagNameNS('*', name)]

function column(reference) {
  let n = 0
  for (const c of /^[A-Z]+/.exec(reference)?.[0] ?? '') n = n * 26 + c.charCodeAt(0) - 64
  return n - 1
}

const isDate = (id, code) => (id >= 14 && id <= 22) || (id >= 45 && id <= 47) || (code && /[dmyhs]/i.test(code.replace(/"[^"]*"|\[[^\]]*\]|\\./g, '')))
function dateText(serial) {
  if (!(serial >= 0 && serial < 3e6)) return String(serial) // no day of the calendar these files know
  const text = new Date(Math.round((serial - 25569) * 86400) * 1000).toISOString()
  return serial % 1 ? text.slice(0, 19).replace('T', ' ') : text.slice(0, 10)
}

/** [{name, columns, rows, total}] */
export function readWorkbook(bytes, most) {
  const parts = unzipSync(bytes, { filter: (file) => file.originalSize < UNPACKED_MAX && /^xl\/(workbook|sharedStrings|styles|_rels\/workbook|worksheets\/[^/]+)\.xml(\.rels)?$/.test(file.name) })
  const text = (name) => (parts[name] ? strFromU8(parts[name]) : '')
  const strings = local(parse(text('xl/sharedStrings.xml') || '<x/>'), 'si').map((si) => local(si, 't').map((t) => t.textContent).join(''))
  const styles = parse(text('xl/styles.xml') || '<x/>')
  const codes = new Map(local(styles, 'numFmt').map((f) => [Number(f.getAttribute('numFmtId')), f.getAttribute('formatCode')]))
  const dates = local(local(styles, 'cellXfs')[0] ?? styles, 'xf').map((xf) => { const id = Number(xf.getAttribute('numFmtId')); return isDate(id, codes.get(id)) })
  const targets = new Map(local(parse(text('xl/_rels/workbook.xml.rels') || '<x/>'), 'Relationship').map((r) => [r.getAttribute('Id'), r.getAttribute('Target')]))

  const cell = (c) => {
    const type = c.getAttribute('t'), v = local(c, 'v')[0]?.textContent ?? ''
    if (type === 's') return strings[Number(v)] ?? ''
    if (type === 'inlineStr') return local(c, 't').map((t) => t.textContent).join('')
    if (type === 'b') return v === '1' ? 'TRUE' : 'FALSE'
    if ((!type || type === 'n') && v && dates[Number(c.getAttribute('s'))] && Number.isFinite(Number(v))) return dateText(Number(v))
    return v
  }
  return local(parse(text('xl/workbook.xml')), 'sheet').map((sheet) => {
    const id = sheet.getAttributeNS('http://schemas.openxmlformats.org/officeDocument/2006/relationships', 'id')
    const target = targets.get(id) ?? ''
    const all = local(parse(text(target.startsWith('/') ? target.slice(1) : 'xl/' + target) || '<x/>'), 'row')
    const read = (row) => { const out = []; for (const c of local(row, 'c')) { const at = column(c.getAttribute('r') ?? ''); if (at >= 0 && at < COLUMNS_MAX) out[at] = cell(c) } return Array.from(out, (x) => x ?? '') }
    const [columns = [], ...rows] = all.slice(0, most + 1).map(read)
    return { name: sheet.getAttribute('name'), columns, rows, total: Math.max(0, all.length - 1) }
  })
}
