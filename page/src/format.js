// format.js - numbers, sizes and times of the page in the reader's own locale. Never used on data.
export const locale = navigator.language || 'en'
const number = new Intl.NumberFormat(locale)
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' })
const dayName = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' })

export const count = (n) => number.format(n)
export const plural = (n, one, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`

const scaled = (value, step, units) => {
  let unit = 0
  while (value >= step && unit < units.length - 1) { value /= step; unit++ }
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: unit && value < 10 ? 1 : 0 }).format(value)} ${units[unit]}`
}
/** Sizes of files, as file managers write them. */
export const bytes = (n) => scaled(n, 1000, ['B', 'kB', 'MB', 'GB', 'TB'])
/** Memory, as limits are given. */
export const memory = (n) => scaled(n, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'])
/** The limit of a session in bytes: an expired one has only the words of it. */
export function memoryLimit(session) {
  const [, n, unit] = /^(\d+)([kmgt]?)/.exec(session.memory_limit ?? '') ?? [0, 0, '']
  return session.usage?.memory_limit_bytes ?? Number(n) * 1024 ** ' kmgt'.indexOf(unit || ' ')
}
/** A duration in milliseconds. */
export function duration(ms) {
  if (ms == null) return ''
  const s = ms / 1000
  const digits = s < 1 ? 2 : s < 10 ? 1 : 0
  if (s < 60) return `${new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(s)} s`
  return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`
}
export const time = (seconds) => clock.format(seconds * 1000)
export function day(seconds) {
  const start = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime()
  const then = new Date(seconds * 1000)
  const days = Math.round((start(new Date()) - start(then)) / 86400000)
  return days <= 0 ? 'Today' : days === 1 ? 'Yesterday' : dayName.format(then)
}
export const shortId = (id) => (id ? `${id.slice(0, 9)}…${id.slice(-4)}` : '')
export const baseName = (path) => path.slice(path.lastIndexOf('/') + 1)
export const extension = (name) => (name.includes('.') ? name.slice(name.lastIndexOf('.') + 1).toLowerCase() : '')

/** The icon of a file, by its name. */
export function fileIcon(name) {
  const ext = extension(name)
  if (['csv', 'tsv', 'xlsx', 'xls', 'xlsm', 'ods', 'parquet'].includes(ext)) return 'sheet'
  if (['png', 'jpg', 'jpeg', 'gif', 'svg', 'webp'].includes(ext)) return 'image'
  if (['txt', 'md', 'log', 'json', 'py'].includes(ext)) return 'text'
  return 'file'
}
