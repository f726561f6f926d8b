// prose.jsx - a model's words. They are a stranger's: markdown becomes HTML, HTML is cleaned, links show their host,
// pictures from elsewhere wait to be asked for, formulas are set by KaTeX when the first one appears.
import DOMPurify from 'dompurify'
import { Marked } from 'marked'
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { highlight } from './highlight.js'
import { Table } from './table.jsx'

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
const math = (tex, display) => `<span class="math" data-tex="${escape(tex)}"${display ? ' data-display="1"' : ''}>${escape(tex)}</span>`

const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }) => escape(text), // a stranger's HTML is text
    code: ({ text, lang }) => `<pre class="block"><code>${highlight(text, (lang ?? '').split(/\s/)[0] || 'text')}</code></pre>`,
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens)
      if (/^sandbox:/.test(href)) return `<a class="made" data-path="${escape(href.replace(/^sandbox:/, ''))}" href="#">${text}</a>`
      return `<a href="${escape(href)}">${text}</a>`
    },
    image: ({ href, text }) => (/^sandbox:/.test(href)
      ? `<a class="made" data-path="${escape(href.replace(/^sandbox:/, ''))}" href="#">${escape(text || href)}</a>`
      : /^data:image\/(png|jpeg|gif|webp);/.test(href) ? `<img src="${escape(href)}" alt="${escape(text)}">`
        : `<span class="remote" data-src="${escape(href)}">${escape(text)}</span>`),
  },
  extensions: [
    {
      name: 'display', level: 'block',
      start: (src) => src.search(/\$\$|\\\[/),
      tokenizer(src) {
        const m = /^(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])(?:\n|$)/.exec(src)
        return m && { type: 'display', raw: m[0], tex: (m[1] ?? m[2]).trim() }
      },
      renderer: (token) => `<p>${math(token.tex, true)}</p>`,
    },
    {
      name: 'inlineMath', level: 'inline',
      start: (src) => src.search(/\$|\\\(/),
      tokenizer(src) {
        // `$5 and $6` is money: a formula touches its marks and no digit follows
        const m = /^(?:\\\(([\s\S]+?)\\\)|\$\$([^$\n]+?)\$\$|\$(?!\s)((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d))/.exec(src)
        return m && { type: 'inlineMath', raw: m[0], tex: (m[1] ?? m[2] ?? m[3]).trim() }
      },
      renderer: (token) => math(token.tex, false),
    },
  ],
})

const purify = {
  RETURN_DOM_FRAGMENT: true, FORBID_TAGS: ['style', 'form', 'input', 'button', 'textarea', 'select', 'svg', 'math', 'video', 'audio', 'source', 'picture'],
  FORBID_ATTR: ['style', 'srcset', 'id', 'name'], ALLOW_DATA_ATTR: true,
}

let katex = null
async function setFormulas(root) {
  const spans = root.querySelectorAll('.math')
  if (!spans.length) return
  katex ??= import('./formula.js')
  const { render } = await katex
  for (const span of spans) if (span.dataset.tex) { render(span.dataset.tex, span, Boolean(span.dataset.display)); delete span.dataset.tex }
}

/** A text that begins with the host hides nothing; one that only has it somewhere may say another first. */
function namesHost(text, host) {
  const said = text.trim().toLowerCase().replace(/^https?:\/\//, '')
  return said === host || said.startsWith(host + '/')
}

function setLinks(root) {
  for (const a of root.querySelectorAll('a[href]:not(.made)')) {
    let url
    try { url = new URL(a.getAttribute('href'), location.href) } catch { continue }
    a.rel = 'noopener noreferrer nofollow'
    a.target = '_blank'
    if (url.origin !== location.origin && /^https?:$/.test(url.protocol) && !namesHost(a.textContent, url.host)) {
      const host = document.createElement('span')
      host.className = 'host'
      host.textContent = ` ${url.host}`
      a.append(host)
    }
  }
}

/** A picture from elsewhere says whose it is, and is loaded when the reader says so: into a frame of its own, because
 * the page's policy lets nothing in, and whoever it belongs to learns nothing but that somebody asked for it. */
function setRemote(root) {
  for (const span of root.querySelectorAll('.remote')) {
    let host = ''
    const address = span.dataset.src
    try {
      const url = new URL(address)
      if (/^https?:$/.test(url.protocol)) host = url.host
    } catch { /* no address */ }
    const what = span.textContent || 'A picture'
    const name = document.createElement('b'), load = document.createElement('button'), open = document.createElement('a')
    name.textContent = what
    span.replaceChildren(name, ` is at ${host || 'an unreadable address'}; nothing was loaded.`)
    span.classList.add('outside')
    if (!host) continue
    load.type = 'button'
    load.className = open.className = 'button button--small'
    load.textContent = 'Load it'
    load.onclick = () => loadRemote(span, address, what)
    open.href = address
    open.target = '_blank'
    open.rel = 'noopener noreferrer nofollow'
    open.textContent = 'Open it'
    span.append(load, open)
  }
}

const PATIENCE_MS = 30_000 // for a picture whose server neither sends it nor refuses

function loadRemote(span, address, what) {
  const frame = document.createElement('iframe')
  const settled = () => { removeEventListener('message', heard); clearTimeout(late) }
  const restore = () => {
    settled()
    const focused = document.activeElement === frame
    frame.remove()
    span.querySelector('b').nextSibling.data = ' could not be loaded.'
    span.hidden = false
    if (focused) span.querySelector('button').focus()
  }
  const heard = ({ source, data }) => {
    if (source !== frame.contentWindow) return
    const { width, height } = data ?? {}
    if (!(width > 0 && height > 0 && width < 1e5 && height < 1e5)) return restore()
    settled()
    frame.style.aspectRatio = `${width} / ${height}`
    frame.style.maxInlineSize = `${width}px`
  }
  const late = setTimeout(restore, PATIENCE_MS)
  addEventListener('message', heard)
  frame.className = 'outside__picture'
  frame.title = what
  frame.sandbox = 'allow-scripts'
  frame.referrerPolicy = 'no-referrer'
  frame.src = document.querySelector('meta[name="frame-picture"]').content
  // the frame has no origin that could be named here; it is this page's own, and takes the address from nobody else
  frame.onload = () => frame.contentWindow.postMessage(address, '*')
  span.hidden = true
  span.after(frame)
  frame.focus()
}

function Block({ token, onFile }) {
  const ref = useRef()
  useLayoutEffect(() => {
    const fragment = DOMPurify.sanitize(marked.parser([token]), purify)
    setLinks(fragment)
    setRemote(fragment)
    ref.current.replaceChildren(fragment)
    setFormulas(ref.current)
    for (const a of ref.current.querySelectorAll('a.made')) a.onclick = (e) => { e.preventDefault(); onFile?.(a.dataset.path) }
  }, [token.raw])
  return <div ref={ref} />
}

const plain = (tokens) => { const box = document.createElement('div'); box.append(DOMPurify.sanitize(marked.Parser.parseInline(tokens), purify)); return box.textContent }
const tableOf = (token) => ({
  columns: token.header.map((cell) => plain(cell.tokens)),
  rows: token.rows.map((row) => row.map((cell) => plain(cell.tokens))),
})

/** Markdown, block by block: what has not changed is not made again while the rest streams in. */
export function Prose({ text, onFile, caret = false }) {
  const blocks = useMemo(() => marked.lexer(text).filter((token) => token.type !== 'space' && token.type !== 'def'), [text])
  return (
    <div class={`prose ${caret ? 'prose--open' : ''}`}>
      {blocks.map((token, i) => (token.type === 'table'
        ? <Table key={i} {...tableOf(token)} label="Table of the answer" plain />
        : <Block key={i} token={token} onFile={onFile} />))}
    </div>
  )
}
