// build.mjs MODULES OUT DEPFILE: bundles src/ into small modules with content-hashed names, compresses them, and
// writes OUT, one C file that embeds them all. Called by tools/page; the packages are those of package-lock.json.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const here = dirname(fileURLToPath(import.meta.url))
const [modules, out, depfile] = process.argv.slice(2).map((path) => resolve(path))
const esbuild = createRequire(join(modules, 'package.json'))('esbuild')
const folder = out + '.files'
const FIRST_LOAD_MAX = 300_000 // compressed bytes, a promise of the page

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })

const built = await esbuild.build({
  absWorkingDir: here,
  entryPoints: ['src/main.jsx', 'src/style/page.css', 'src/style/formula.css', 'src/style/plotly.css'],
  nodePaths: [join(modules, 'node_modules')],
  bundle: true, splitting: true, format: 'esm', minify: true, metafile: true, write: false,
  outdir: folder, entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]', assetNames: '[name]-[hash]',
  publicPath: '/assets', target: ['chrome123', 'firefox120', 'safari17.5'], charset: 'utf8',
  jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'inline', logLevel: 'warning',
  loader: { '.woff2': 'file', '.woff': 'empty', '.ttf': 'empty' },
  define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
})

const kinds = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.woff2': 'font/woff2', '.svg': 'image/svg+xml', '.html': 'text/html; charset=utf-8' }
const assets = built.outputFiles.map((file) => ({ name: basename(file.path), type: kinds[extname(file.path)], bytes: Buffer.from(file.contents), path: relative(here, file.path) }))
for (const asset of assets) if (!asset.type) throw new Error(`no media type for ${asset.name}`)

// What is served as its package has it, under a name that carries its hash.
const named = (name, extension, bytes) => {
  const full = `${name}-${createHash('sha256').update(bytes).digest('hex').slice(0, 8).toUpperCase()}${extension}`
  assets.push({ name: full, type: kinds[extension], bytes: Buffer.from(bytes) })
  return '/assets/' + full
}
const packaged = (path) => readFileSync(join(modules, 'node_modules', path))

// The frame that a picture from elsewhere is loaded into, once a reader has asked for it: src/api/page has its policy.
const outside = readFileSync(join(here, 'src/outside.js'), 'utf8').trim()
const outsideHash = createHash('sha256').update(outside).digest('base64')
const picture = named('outside', '.html', `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="content-security-policy" content="script-src 'sha256-${outsideHash}'"><title>A picture from elsewhere</title></head><body><script>${outside}</script></body></html>\n`)

// The document names what it loads, and what those modules import, so that one round trip fetches all.
const outputs = Object.entries(built.metafile.outputs)
const of = (entry) => outputs.find(([, output]) => output.entryPoint === entry)[0]
const needed = new Set()
const follow = (path) => {
  if (needed.has(path)) return
  needed.add(path)
  for (const i of built.metafile.outputs[path].imports) if (i.kind === 'import-statement') follow(i.path)
}
follow(of('src/main.jsx'))
const address = (path) => '/assets/' + basename(path)
const preload = [...needed].slice(1).map((path) => `<link rel="modulepreload" href="${address(path)}">`).join('')
const logo = readFileSync(join(here, 'src/logo.svg'))
const logoName = 'favicon.svg'
assets.push({ name: logoName, type: kinds['.svg'], bytes: logo })
const html = readFileSync(join(here, 'src/index.html'), 'utf8')
  .replace('%SCRIPT%', address(of('src/main.jsx'))).replace('%STYLE%', address(of('src/style/page.css')))
  .replace('%LOGO%', '/' + logoName).replace('%PRELOAD%', preload)
  .replace('%FORMULA%', address(of('src/style/formula.css'))).replace('%PLOTLY%', address(of('src/style/plotly.css')))
  .replace('%PDF%', named('pdf-worker', '.js', packaged('pdfjs-dist/legacy/build/pdf.worker.min.mjs'))).replace('%PICTURE%', picture)
  .replace('%SPRITE%', readFileSync(join(here, 'src/sprite.svg'), 'utf8').trim())
assets.push({ name: '', type: 'text/html; charset=utf-8', bytes: Buffer.from(html) })

// /docs and /redoc show /openapi.json: each a document, its package's own bundle, and one line that begins.
const reference = (name, title, body, styles, scripts) => assets.push({ name, type: 'text/html; charset=utf-8', bytes: Buffer.from(
  `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><link rel="icon" href="/favicon.svg" type="image/svg+xml">${styles.map((s) => `<link rel="stylesheet" href="${s}">`).join('')}</head><body>${body}${scripts.map((s) => `<script src="${s}"></script>`).join('')}</body></html>\n`) })
reference('docs', 'Cloche: API', '<div id="api"></div>', [named('swagger-ui', '.css', packaged('swagger-ui-dist/swagger-ui.css'))],
  [named('swagger-ui', '.js', packaged('swagger-ui-dist/swagger-ui-bundle.js')),
    named('docs', '.js', Buffer.from("SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null })\n"))])
reference('redoc', 'Cloche: API', '<div id="api"></div>', [],
  // its maker's mark is the one thing that it would ask of somebody else
  [named('redoc', '.js', Buffer.from(packaged('redoc/bundles/redoc.standalone.js').toString().replaceAll('https://cdn.redoc.ly/redoc/logo-mini.svg', '/favicon.svg'))),
    named('redoc-begin', '.js', Buffer.from("Redoc.init('/openapi.json', { disableSearch: false, hideDownloadButton: false }, document.getElementById('api'))\n"))])

let first = 0, table = '', code = ''
assets.sort((a, b) => (a.name < b.name ? -1 : 1)).forEach((asset, i) => {
  const gzip = asset.type !== 'font/woff2' && asset.name !== logoName
  const bytes = gzip ? gzipSync(asset.bytes, { level: 9 }) : asset.bytes
  const hash = createHash('sha256').update(bytes).digest('hex')
  const path = join(folder, (asset.name || 'index.html') + (gzip ? '.gz' : ''))
  writeFileSync(path, bytes)
  if (!asset.name || asset.name === logoName || asset.name === basename(of('src/style/page.css')) || [...needed].some((n) => basename(n) === asset.name)) first += bytes.length
  // the hash is here so that this file changes, and is compiled again, when the bytes do
  code += `__asm__(".section .rodata,\\"a\\"\\n.global page_asset_${i}\\n.global page_asset_end_${i}\\npage_asset_${i}:\\n.incbin \\"${path}\\"\\npage_asset_end_${i}:\\n.byte 0\\n.text\\n"); /* ${hash} */\nextern const unsigned char page_asset_${i}[], page_asset_end_${i}[];\n`
  table += `    {"${asset.name}", "${asset.type}", "\\"${hash.slice(0, 24)}\\"", ${gzip}, page_asset_${i}, page_asset_end_${i}},\n`
})
if (first > FIRST_LOAD_MAX) throw new Error(`the page's first load is ${first} bytes, more than ${FIRST_LOAD_MAX}`)
console.log(`page: ${assets.length} files, first load ${first} bytes`)
writeFileSync(out, `/* Made by page/build.mjs. */\n#include "api/page/page.h"\n\n${code}\nconst struct page_asset page_assets[] = {\n${table}};\nconst size_t page_asset_count = sizeof page_assets / sizeof *page_assets;\n`)

const inputs = Object.keys(built.metafile.inputs).filter((path) => !path.includes('node_modules')).map((path) => resolve(here, path))
writeFileSync(depfile, `${relative(process.env.BUILD, out)}: ${[...inputs, ...['build.mjs', 'package-lock.json', 'src/index.html', 'src/logo.svg', 'src/outside.js', 'src/sprite.svg'].map((p) => join(here, p))].join(' ')}\n`)
