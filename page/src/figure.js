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

/** Puts a picture on the clipboard as PNG. */
export async function copyPicture(src) {
  const blob = await (await fetch(src)).blob()
  await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })])
}
