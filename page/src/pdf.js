// pdf.js - pages of a PDF as pictures. It is a stranger's file: the library reads it in a worker whose own policy lets
// it ask nobody for anything, and draws on a canvas; scripts, forms and links of the file are left alone.
import { GlobalWorkerOptions, getDocument } from 'pdfjs-dist/legacy/build/pdf.min.mjs'

GlobalWorkerOptions.workerSrc = document.querySelector('meta[name="worker-pdf"]').content

// What a file may make the reader's machine hold: pixels of a picture in it, bytes of a canvas.
const IMAGE_MAX = 32 << 20, CANVAS_MAX = 64 << 20

/** The document in `data`, an ArrayBuffer that is taken; `close()` it. */
export async function openPdf(data) {
  const task = getDocument({ data, verbosity: 0, useWasm: false, enableXfa: false, stopAtErrors: false, disableAutoFetch: true, maxImageSize: IMAGE_MAX, canvasMaxAreaInBytes: CANVAS_MAX })
  let pdf
  try {
    pdf = await task.promise
  } catch (e) {
    await task.destroy() // its worker goes, too
    throw e
  }
  return { pages: pdf.numPages, draw: (n, canvas, width) => draw(pdf, n, canvas, width), close: () => task.destroy() }
}

/** Draws page `n` as wide as `width` CSS pixels, or smaller where it is very long; what it says. */
async function draw(pdf, n, canvas, width) {
  const page = await pdf.getPage(n)
  const natural = page.getViewport({ scale: 1 })
  const viewport = page.getViewport({ scale: Math.min(4, (width / natural.width) * Math.min(2, devicePixelRatio || 1), Math.sqrt(CANVAS_MAX / 4 / natural.width / natural.height)) })
  canvas.width = Math.round(viewport.width)
  canvas.height = Math.round(viewport.height)
  await page.render({ canvas, viewport, annotationMode: 0 }).promise
  const { items } = await page.getTextContent()
  page.cleanup()
  return items.map((item) => item.str + (item.hasEOL ? '\n' : '')).join('').slice(0, 20_000)
}
