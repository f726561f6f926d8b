// figure.js - the size of a picture from its first bytes, so that its place is kept before it is drawn.

/** {width, height} of a PNG in base64, or nothing. */
export function pngSize(base64) {
  try {
    const head = atob(base64.slice(0, 48).replace(/\s/g, ''))
    if (head.slice(12, 16) !== 'IHDR') return {}
    const word = (at) => (head.charCodeAt(at) << 24) | (head.charCodeAt(at + 1) << 16) | (head.charCodeAt(at + 2) << 8) | head.charCodeAt(at + 3)
    return { width: word(16), height: word(20) }
  } catch {
    return {}
  }
}

/** Puts the picture of an <img> on the clipboard as PNG. */
export async function copyPicture(image) {
  if (!navigator.clipboard) throw new Error('over plain HTTP a browser lets a page copy text alone. It can be downloaded.')
  const canvas = document.createElement('canvas') // clipboards take PNG alone, and the page's policy no fetch of data:
  canvas.width = image.naturalWidth
  canvas.height = image.naturalHeight
  canvas.getContext('2d').drawImage(image, 0, 0)
  const png = new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error('The picture cannot be drawn.'))), 'image/png'))
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })])
}
