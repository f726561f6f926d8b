// highlight.js - code as coloured lines. highlight.js escapes what it is given; lines are cut so that each is whole.
import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import sql from 'highlight.js/lib/languages/sql'

hljs.registerLanguage('python', python)
hljs.registerLanguage('json', json)
hljs.registerLanguage('bash', bash)
hljs.registerLanguage('sql', sql)
const aliases = { py: 'python', python3: 'python', sh: 'bash', shell: 'bash', console: 'bash' }
const LONG = 200_000 // characters: beyond, colour is not worth the wait

const escape = (text) => text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])

/** HTML of `code`, safe to insert. */
export function highlight(code, language = 'python') {
  const name = aliases[language] ?? language
  return code.length < LONG && hljs.getLanguage(name) ? hljs.highlight(code, { language: name, ignoreIllegals: true }).value : escape(code)
}

/** The same as lines: [{html, indent}], a span that runs over a line's end closed and opened again. */
export function highlightLines(code, language = 'python') {
  const open = []
  return highlight(code, language).split('\n').map((line) => {
    const before = open.join('')
    for (const tag of line.match(/<span[^>]*>|<\/span>/g) ?? []) tag === '</span>' ? open.pop() : open.push(tag)
    return { html: before + line + '</span>'.repeat(open.length), indent: /^ */.exec(line.replace(/<[^>]*>/g, ''))[0].length }
  })
}
